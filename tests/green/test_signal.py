"""Green `signal`, in a process of its own.

If there are other native threads, such as those of a thread pool in an earlier test, the kernel may deliver a signal
for the process to one of them. That thread does not block the signal, which then ends the process.
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
