"""Scripts in a process of their own, for forks, signals, patches and exits."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import greenrt

__all__ = ["environment", "run_script"]

# The folder from which the greenrt under test is imported, also if it is not installed.
HOME = str(Path(greenrt.__file__).absolute().parents[1])
TESTS = str(Path(__file__).absolute().parents[1])
LIMIT = 40.0
# faulthandler's time limit is a native thread, of which CPython 3.12 and later warn at a fork.
WARNINGS = ("-W", "error", "-W", "ignore:This process:DeprecationWarning")


def environment(**variables: str) -> dict[str, str]:
    """Return the environment for a child process that imports the greenrt under test and `support`."""
    path = os.pathsep.join(filter(None, [HOME, TESTS, os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, **variables}


def run_script(text: str, *arguments: str, code: int | None = 0, **variables: str) -> tuple[str, str]:
    """Run a script with this interpreter, warnings as errors; return its output to stdout and stderr.

    `code` is the required exit code (None: any).
    """
    script = "from support import time_limit; time_limit.arm(30)\n" + textwrap.dedent(text)
    done = subprocess.run(
        [sys.executable, *WARNINGS, "-c", script, *arguments],
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    if code is not None and done.returncode != code:
        raise AssertionError(f"ended with {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr
