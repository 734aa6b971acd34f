"""The events of poll(2), and the warning about a bool instead of a file descriptor.

CPython warns about such bools from 3.13 on. A warning from C code has the line of the Python code that called it.
Below a cooperative twin, that is a line of greenrt. So the twin warns first, with the line of its caller, and then
passes an int to the C code.
"""

import os
import sys
import warnings

from greenrt._typing import Any

__all__ = [
    "POLLERR",
    "POLLHUP",
    "POLLIN",
    "POLLNVAL",
    "POLLOUT",
    "POLLPRI",
    "POLLRDHUP",
    "WARNS",
    "without_bool",
]

# From Linux's <poll.h>.
POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL, POLLRDHUP = 1, 2, 4, 8, 16, 32, 0x2000

# Whether this CPython warns about bools.
WARNS = sys.version_info >= (3, 13)

# Compiled functions have no frame, so the number of frames to skip differs between the builds.
_FRAMES_OF_GREENRT = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")


def without_bool(fd: Any) -> Any:
    """Return `fd`, or an int for a bool, after CPython's warning about that. The warning names greenrt's caller."""
    if sys.version_info >= (3, 13) and isinstance(fd, bool):
        warnings.warn(
            "bool is used as a file descriptor", RuntimeWarning, skip_file_prefixes=(_FRAMES_OF_GREENRT,)
        )
        return int(fd)
    return fd
