"""greenrt's resolver has the results and errors of the C library, with the same files and the same name server."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from support.child import environment

from .glibc_cases import SCENARIOS

ORACLE = Path(__file__).with_name("glibc_oracle.py")


@cache
def unshare() -> list[str]:
    """Return the command that gives a program its own mounts and network; [] if that is not allowed."""
    for command in (["unshare", "-mn"], ["unshare", "-Urmn"]):
        try:
            done = subprocess.run([*command, "mount", "--make-rprivate", "/"], capture_output=True)
        except OSError:
            return []
        if done.returncode == 0:
            return command
    return []


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_as_the_c_library(name: str, tmp_path: Path) -> None:
    if not unshare():
        pytest.skip("needs a network and mounts of its own: root, or user namespaces")
    done = subprocess.run(
        [*unshare(), sys.executable, str(ORACLE), name, str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    *differences, counts = map(json.loads, done.stdout.splitlines())
    for case, wanted, got in differences:
        print(f"{case}\n   the C library: {wanted}\n   greenrt:       {got}")
    assert counts["cases"] == len(SCENARIOS[name].cases)
    assert counts["differences"] == 0


def test_there_are_enough_cases() -> None:
    assert sum(len(scenario.cases) for scenario in SCENARIOS.values()) > 1000
