"""The pytest plugin: it patches before conftest files and tests are imported, and only if it is named."""

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


PLUGIN = ("-p", "greenrt.monkey.pytest_plugin")


def run_pytest(folder: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=40,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("named", [True, False])
def test_patched_before_collection(tmp_path: Path, named: bool) -> None:
    (tmp_path / "conftest.py").write_text(TEST.replace("def test_it", "def pytest_configure"))
    (tmp_path / "test_it.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    out = run_pytest(tmp_path, *PLUGIN * named)
    assert out.count(f"patched: {named} {named}") == 2, out
    assert ("greenrt: the standard library is patched" in out) == named, out


def test_patched_before_plugins_of_entry_points(tmp_path: Path) -> None:
    """Such a plugin may keep references that later patching would not find."""
    (tmp_path / "early.py").write_text(TEST.replace("def test_it", "def pytest_configure"))
    metadata = tmp_path / "early-1.dist-info"
    metadata.mkdir()
    metadata.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: early\nVersion: 1\n")
    metadata.joinpath("entry_points.txt").write_text("[pytest11]\nearly = early\n")
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")
    out = run_pytest(tmp_path, *PLUGIN)
    assert out.count("patched: True True") == 1, out
