"""Campaigns: boxed by seconds (``GREENRT_STRESS_SECONDS``), or in full counts where that is 0.

What is random in them comes from ``GREENRT_STRESS_SEED``.
"""

import os
import random
import time
from collections.abc import Iterator

import pytest

SECONDS = float(os.environ.get("GREENRT_STRESS_SECONDS", "20"))
SEED = int(os.environ.get("GREENRT_STRESS_SEED", "20"))


class Campaign:
    """How far a campaign goes: `rounds` ends after the full number, or when the time is up."""

    full = SECONDS == 0

    def __init__(self, say: "pytest.CaptureFixture[str]", name: str) -> None:
        self._say = say
        self._name = name
        self._seeded = False
        self.done = 0

    def rounds(self, full: int, least: int = 1) -> Iterator[int]:
        """Yield 0, 1, ... `full` in all; boxed: at least `least`, and no more once the time is up."""
        end = time.monotonic() + SECONDS
        for number in range(full):
            if not self.full and number >= least and time.monotonic() >= end:
                return
            self.done = number + 1
            yield number

    def random(self, *which: object) -> random.Random:
        """Return a source of random numbers: the same for the same `which` and seed."""
        self._seeded = True
        return random.Random(f"{SEED} {which}")

    def report(self, text: str) -> None:
        if self._seeded:
            text += f"; seed {SEED}"
        with self._say.disabled():
            print(f"\n    {self._name}: {text}", flush=True)


@pytest.fixture
def campaign(request: pytest.FixtureRequest, capsys: "pytest.CaptureFixture[str]") -> Campaign:
    return Campaign(capsys, request.node.name)
