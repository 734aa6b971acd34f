"""Ordinary blocking programs, run patched and unmodified by ``python -m greenrt.monkey``."""

import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.child import environment

__all__ = ["needs", "run_patched"]

LIMIT = 50.0

# Code that the programs share: it measures how much longer many concurrent calls take than one.
AT_ONCE = '''
import concurrent.futures, sys, threading, time

def at_once(slow, count=50):
    """Call slow(n) for each n at once; return the results, and the time that took, in times of one call."""
    began = time.monotonic()
    slow(count)
    one = time.monotonic() - began
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        # The threads are started.
        list(pool.map(lambda _: time.sleep(0.05), range(count)))
        began = time.monotonic()
        results = list(pool.map(slow, range(count)))
        return results, (time.monotonic() - began) / one
'''


def needs(module: str, package: str) -> pytest.MarkDecorator:
    """Skip the test if a module is not installed."""
    return pytest.mark.skipif(find_spec(module) is None, reason=f"needs {module}: pip install {package}")


def run_patched(text: str, folder: Path, *arguments: object) -> str:
    """Run a patched program, which may call `at_once`; return its output. It must exit with 0 and no errors."""
    path = folder / "program.py"
    path.write_text(AT_ONCE + textwrap.dedent(text))
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "greenrt.monkey", str(path), *map(str, arguments)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), f"{done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout
