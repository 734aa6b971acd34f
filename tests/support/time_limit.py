"""The time limit of a test: at the limit faulthandler prints the stacks of all threads and ends the process."""

import faulthandler
import sys

# The C module, whose functions make no members of enumerations of the signals: that takes longer than all the rest.
from _signal import SIG_BLOCK, SIG_SETMASK, pthread_sigmask, valid_signals
from io import TextIOBase

__all__ = ["arm", "disarm"]

disarm = faulthandler.cancel_dump_traceback_later


def arm(seconds: float, file: TextIOBase | None = None) -> None:
    """End the process after so many seconds, unless `disarm` comes first. Write to `file`, or to stderr.

    faulthandler's thread blocks all signals, but only once it runs. A signal that the test blocks and sends to its
    process earlier would go to that thread and end the process. So it inherits a mask that blocks them from birth.
    """
    before = pthread_sigmask(SIG_BLOCK, valid_signals())
    try:
        faulthandler.dump_traceback_later(seconds, exit=True, file=sys.stderr if file is None else file)
    finally:
        pthread_sigmask(SIG_SETMASK, before)
