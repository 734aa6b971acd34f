"""The plugin of pytest: patched before conftest files and tests, and only if named."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.child import environment

TEST = """
from time import sleep
from greenrt import monkey
PATCHED = monkey.is_module_patched("socket")
def test_it():
    print("patched:", PATCHED, monkey.is_module_patched("socket"))
    sleep(0.001)
"""


@pytest.mark.parametrize("named", [True, False])
def test_patched_before_collection(tmp_path: Path, named: bool) -> None:
    (tmp_path / "conftest.py").write_text(TEST.replace("def test_it", "def pytest_configure"))
    (tmp_path / "test_it.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider"]
        + ["-p", "greenrt.monkey.pytest_plugin"] * named,
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=40,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(f"patched: {named} {named}") == 2, done.stdout
    assert ("greenrt: the standard library is patched" in done.stdout) == named, done.stdout
