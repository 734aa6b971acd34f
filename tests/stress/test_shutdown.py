"""The whole shutdown matrix: what is alive, times what runs at the end, times how the program ends."""

import pytest
from support.endings import RUNS, outcomes

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(1800)]


def test_each_end_as_without_patching(campaign, tmp_path):
    order = campaign.random().sample(RUNS, len(RUNS))
    differ = []
    for number in campaign.rounds(len(RUNS), least=20):
        unpatched, patched = outcomes(order[number], tmp_path)
        if patched != unpatched:
            differ.append((order[number], unpatched, patched))
    campaign.report(f"{campaign.done} of {len(RUNS)} runs, {len(differ)} differ")
    assert not differ
