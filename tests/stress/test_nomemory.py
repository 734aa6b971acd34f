"""Memory runs out at each allocation of a scenario: it ends in a MemoryError or well, and what comes after it works.

The scenarios are in `faults/memory_scenarios.py`. They run in processes of their own, each attempt in a fork: some of
those in which greenlets switch end in greenlet's own abort, which is counted and told. Of the compiled build only:
uncompiled, each line of greenrt allocates, and a MemoryError can come out between any two.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.child import environment

import greenrt

from .conftest import Campaign
from .faults.memory_scenarios import SCENARIOS, SWITCHING

pytestmark = [
    pytest.mark.stress,
    pytest.mark.time_limit(1800),
    pytest.mark.skipif(greenrt.__build__ != "compiled", reason="a promise of the compiled build"),
]

SWEEP = Path(__file__).parent / "faults" / "nomemory.py"


def sweep(scenario: str, step: int, *more: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, SWEEP, scenario, str(step), *more], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-5000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_memory_runs_out(campaign: Campaign, scenario: str) -> None:
    """At every allocation (boxed: at one in five of those that switch, in two of others)."""
    step = 1 if campaign.full else 5 if scenario in SWITCHING else 2
    found = sweep(scenario, step)
    outcomes = ", ".join(f"{count} {name}" for name, count in found["outcomes"].items())
    campaign.report(f"{found['tried']} failures of memory: {outcomes}")
    assert not found["problems"], "\n".join(found["problems"])
    assert found["tried"] >= 5


def test_finalizers_that_get_lost_would_be_caught(campaign: Campaign) -> None:
    found = sweep("Finalizing", 1, "broken")
    campaign.report(f"seen at {len(found['problems'])} of {found['tried']} allocations")
    assert found["problems"]
