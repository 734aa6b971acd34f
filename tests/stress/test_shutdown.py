"""The whole shutdown matrix: what is alive, times what runs at the end, times how the program ends."""

from pathlib import Path

import pytest
from support.endings import RUNS, outcomes

from .conftest import Campaign

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(1800)]


def test_each_end_as_without_patching(campaign: Campaign, tmp_path: Path) -> None:
    order = campaign.random().sample(RUNS, len(RUNS))
    differ = []
    for number in campaign.rounds(len(RUNS), least=20):
        unpatched, patched = outcomes(order[number], tmp_path)
        if patched != unpatched:
            differ.append((order[number], unpatched, patched))
    campaign.report(f"{campaign.done} of {len(RUNS)} runs, {len(differ)} differ")
    assert not differ


def test_an_end_that_waits_for_no_thread_would_be_noticed(tmp_path: Path) -> None:
    """The broken variant: patched, the interpreter ends without the threads that are alive."""
    broken = 'if "greenrt" in sys.modules:\n    threading._shutdown = lambda: None\n'
    unpatched, patched = outcomes(("a thread", "hooks", "returns"), tmp_path, broken)
    assert "worked" in unpatched[0]
    assert patched != unpatched
