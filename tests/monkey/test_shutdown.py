"""The end of a process under patching is what it is without: output, errors, exit code. (All runs: tests/stress.)"""

from pathlib import Path

import pytest
from support.endings import RUNS, outcomes

# Every 11th: all that may be alive, all hooks and all endings are among them.
SOME = RUNS[::11]


@pytest.mark.parametrize("run", SOME, ids=" - ".join)
def test_the_end(run: tuple[str, str, str], tmp_path: Path) -> None:
    unpatched, patched = outcomes(run, tmp_path)
    assert patched == unpatched


def test_some_are_of_each_kind() -> None:
    for which in range(3):
        assert {run[which] for run in SOME} == {run[which] for run in RUNS}
