"""The areas, in the order of the table."""

import importlib

from benchmarks.harness.model import Area

NAMES = (
    "switch",
    "wake",
    "spawn",
    "timeout",
    "sync",
    "parked",
    "timers",
    "echo",
    "http",
    "servers",
    "posts",
    "processes",
    "patched",
    "dns",
    "import",
)


def load(name: str) -> Area:
    """Return the area of ``benchmarks/bench_<name>.py``."""
    area = importlib.import_module(f"benchmarks.bench_{name}").AREA
    assert isinstance(area, Area)
    return area
