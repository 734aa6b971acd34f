"""The time limit of a test: at the limit faulthandler prints the stacks of all threads and ends the process."""

import faulthandler
import signal
import sys
from typing import TextIO

__all__ = ["arm", "disarm"]

disarm = faulthandler.cancel_dump_traceback_later


def arm(seconds: float, file: TextIO | None = None) -> None:
    """End the process after so many seconds, unless `disarm` comes first. Write to `file`, or to stderr.

    faulthandler's thread blocks all signals, but only once it runs. A signal that the test blocks and sends to its
    process earlier would go to that thread and end the process. So it inherits a mask that blocks them from birth.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        faulthandler.dump_traceback_later(seconds, exit=True, file=sys.stderr if file is None else file)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
