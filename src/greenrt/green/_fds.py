"""Helpers for file descriptors: readiness now, and the warning about a bool instead of a descriptor.

CPython warns about such bools from 3.13 on. A warning from C code has the line of the Python code that called it.
Below a cooperative twin, that is a line of greenrt. So the twin warns first, with the line of its caller, and then
passes an int to the C code.
"""

import os
import sys
import warnings

from greenrt import _original
from greenrt._typing import Any

__all__ = ["POLLIN", "POLLOUT", "WARNS", "ready_for", "without_bool"]

POLLIN = 1
POLLOUT = 4

# Whether this CPython warns about bools.
WARNS = sys.version_info >= (3, 13)

# Compiled functions have no frame, so the number of frames to skip differs between the builds.
_FRAMES_OF_GREENRT = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")


def ready_for(fd: int, events: int) -> int:
    """Return which poll(2) events `fd` has now: of `events`, and of POLLERR, POLLHUP and POLLNVAL. 0 means none."""
    poller = _original.poll()
    poller.register(fd, events)
    found: list[tuple[int, int]] = poller.poll(0)
    return found[0][1] if found else 0


def without_bool(fd: Any) -> Any:
    """Return `fd`, or an int for a bool, after CPython's warning about that. The warning names greenrt's caller."""
    if sys.version_info >= (3, 13) and isinstance(fd, bool):
        warnings.warn(
            "bool is used as a file descriptor", RuntimeWarning, skip_file_prefixes=(_FRAMES_OF_GREENRT,)
        )
        return int(fd)
    return fd
