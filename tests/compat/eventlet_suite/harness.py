"""Runs files of eventlet's own tests over greenrt, or over eventlet itself."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from support.stand_in import hooked

import greenrt

__all__ = ["PASSING", "files", "home", "run"]

HERE = Path(__file__).parent
# The folder with eventlet's source distribution, by `make test-compat`. Its package `eventlet` is not there.
HOME = "EVENTLET_HOME"
# How long a file of tests may take, in seconds.
LIMIT = 600.0

# A plugin of pytest that sets the time limit of eventlet's tests: its two seconds are few on a busy machine.
PATIENCE = """
def pytest_collection_finish(session):
    import tests
    tests.LimitedTestCase.TEST_TIMEOUT = 15
"""

# The tests that pass over eventlet 0.41.3 on CPython 3.11, as file::class::test.
PASSING = frozenset(
    line for line in (HERE / "passing.txt").read_text().splitlines() if not line.startswith("#")
)


def home() -> Path | None:
    """Return the folder with eventlet's tests; None if there is none."""
    folder = os.environ.get(HOME)
    return Path(folder) if folder else None


def files() -> list[str]:
    """Return the names of the files that have tests in `PASSING`."""
    return sorted({name.partition("::")[0] for name in PASSING})


def run(file: str, folder: Path) -> dict[str, str]:
    """Run a file of tests over greenrt in a process of its own; return each test's outcome, or its failure.

    The outcomes are "passed" and "skipped". `folder` is for temporary files.
    """
    source = home()
    assert source is not None
    report = folder / f"{file}.xml"
    (folder / "patience_of_pytest.py").write_text(PATIENCE)
    installed = str(Path(greenrt.__file__).absolute().parents[1])
    variables = hooked(folder, "eventlet", EVENTLET_TESTS="1")
    variables["PYTHONPATH"] += f"{os.pathsep}{source}{os.pathsep}{installed}"
    plugins = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "patience_of_pytest"]
    # The settings of this repository are not for eventlet's tests.
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, *plugins]
    done = subprocess.run(
        [*command, "--rootdir", str(source), f"--junitxml={report}", f"tests/{file}.py"],
        cwd=source,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert report.exists(), f"{file} has no report\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return _outcomes(file, report)


def _outcomes(file: str, report: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        classes = case.get("classname", "").split(".")[2:]
        name = "::".join([file, *classes, case.get("name", "")])
        bad = [child for child in case if child.tag in ("failure", "error")]
        if bad:
            found[name] = (bad[0].text or bad[0].get("message") or "failed")[-2000:]
        else:
            found[name] = "skipped" if any(child.tag == "skipped" for child in case) else "passed"
    return found
