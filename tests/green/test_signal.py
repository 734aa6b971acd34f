"""Green `signal`, in a process of its own.

Where other native threads live, as those of a thread pool that an earlier test has used, a signal to the process may
go to one of them, which does not block it, and end the process.
"""

import subprocess
import sys
from pathlib import Path

from support.child import environment


def test_the_cases() -> None:
    cases = Path(__file__).with_name("alone_signal.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(cases)],
        cwd=cases.parents[2],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
