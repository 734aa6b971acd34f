"""The end of a process under patching equals that without it: output, errors, exit code. (All runs: tests/stress.)"""

from pathlib import Path

import pytest
from support.endings import RUNS, outcomes

# Every 11th combination: it covers all living objects, all hooks and all endings.
SOME = RUNS[::11]


@pytest.mark.parametrize("run", SOME, ids=" - ".join)
def test_the_end(run: tuple[str, str, str], tmp_path: Path) -> None:
    unpatched, patched = outcomes(run, tmp_path)
    assert patched == unpatched


def test_some_are_of_each_kind() -> None:
    for which in range(3):
        assert {run[which] for run in SOME} == {run[which] for run in RUNS}
