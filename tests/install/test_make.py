"""`make build` and `make demo` on a machine that has no C compiler, and later one."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.environments import pip

pytestmark = [
    pytest.mark.install,
    pytest.mark.time_limit(300),
    pytest.mark.skipif(shutil.which("make") is None, reason="there is no make"),
]

BUILD = "import greenrt; print(greenrt.__build__)"


def make(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", f"PYTHON={sys.executable}", *arguments],
        cwd=checkout,
        # Not the whole environment: a make that runs this test exports its flags and variables.
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def checkout_with_environment(checkout: Path, requirements: Path) -> Path:
    """A copy of the sources, with the environment that `make build` fills."""
    environment = checkout / ".venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    project = tomllib.loads((checkout / "pyproject.toml").read_text())
    needs = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    options = ["--no-index", "--find-links", requirements, "--no-compile"]
    done = pip("--python", environment / "bin" / "python", "install", *options, *needs)
    assert done.returncode == 0, done.stdout
    (environment / f"made-{sys.version_info.major}.{sys.version_info.minor}").touch()
    return checkout


def test_without_a_compiler(checkout_with_environment: Path) -> None:
    """`make build` fails and says why, as often as it is called; the demo shows the plain build."""
    checkout = checkout_with_environment
    for _ in range(2):
        done = make(checkout, "build", CC="/bin/false")
        assert done.returncode == 2
        assert "error: there is no C compiler that works" in done.stdout
        assert not (checkout / ".venv" / "built").exists()
    done = make(checkout, "demo", "ARGS=--quick", CC="/bin/false")
    assert done.returncode == 0, done.stdout
    assert "error: there is no C compiler that works" in done.stdout
    assert ", pure build" in done.stdout
    assert not (checkout / ".venv" / "built").exists()
    # A compiler that comes later gets to work.
    assert make(checkout, "--question", "build").returncode == 1
