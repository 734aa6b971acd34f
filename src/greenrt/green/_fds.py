"""What several twins need of file descriptors: their readiness now, and the warning about a bool in the place of one.

CPython warns of bools from 3.13 on. C code gives its warnings the line of the Python code that called it. Below a
cooperative twin, that is a line of greenrt. So a twin warns first, with the line of its own caller, and passes an int
on.
"""

import os
import sys
import warnings

from greenrt import _original
from greenrt._typing import Any

__all__ = ["POLLIN", "POLLOUT", "WARNS", "ready_for", "without_bool"]

POLLIN = 1
POLLOUT = 4

# Whether this CPython warns.
WARNS = sys.version_info >= (3, 13)

# Compiled functions have no frame, so the number of frames to skip differs between the builds.
_FRAMES_OF_GREENRT = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")


def ready_for(fd: int, events: int) -> int:
    """Return those poll(2) events, of `events` and POLLERR, POLLHUP and POLLNVAL, that `fd` has now; 0: none."""
    poller = _original.poll()
    poller.register(fd, events)
    found: list[tuple[int, int]] = poller.poll(0)
    return found[0][1] if found else 0


def without_bool(fd: Any) -> Any:
    """Return `fd`; a bool as an int, after CPython's warning about it, which names the caller of greenrt."""
    if sys.version_info >= (3, 13) and isinstance(fd, bool):
        warnings.warn(
            "bool is used as a file descriptor", RuntimeWarning, skip_file_prefixes=(_FRAMES_OF_GREENRT,)
        )
        return int(fd)
    return fd
