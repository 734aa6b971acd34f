"""The kernel and memory fail: each scenario ends in a clean error or well, and what comes after it works.

The scenarios, and what makes their system calls fail, are in the folder `faults`; they run in processes of their own.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.child import environment

from .conftest import Campaign
from .faults.scenarios import SCENARIOS
from .faults.shim import build, compiler

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(1800)]

FOLDER = Path(__file__).with_name("faults")


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert compiler() is not None, "this campaign needs a C compiler"
    return build(tmp_path_factory.mktemp("shim"))


def sweep(shim: Path, scenario: str, most: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, FOLDER / "sweep.py", scenario, str(most)],
        env=environment(LD_PRELOAD=str(shim)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_failing_system_calls(campaign: Campaign, shim: Path, scenario: str) -> None:
    """The n-th call of each function fails, for n from 1 to 50 (boxed: to 3)."""
    found = sweep(shim, scenario, 50 if campaign.full else 3)
    outcomes = ", ".join(f"{count} {name}" for name, count in found["outcomes"].items())
    campaign.report(f"{found['tried']} faults: {outcomes}")
    assert not found["problems"], "\n".join(found["problems"])
    assert found["tried"] >= 10


def test_a_leak_would_be_caught(shim: Path) -> None:
    assert any("left" in problem for problem in sweep(shim, "leaky", 3)["problems"])
