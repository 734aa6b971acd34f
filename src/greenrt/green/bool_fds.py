"""The warning about a bool that is used as a file descriptor, which CPython gives from 3.13 on.

C code gives its warnings the line of the Python code that called it. Below a cooperative twin, that is a line of
greenrt. So a twin warns first, with the line of its own caller, and passes an int on.
"""

import os
import sys
import warnings

from greenrt._typing import Any

__all__ = ["WARNS", "without_bool"]

# Whether this CPython warns.
WARNS = sys.version_info >= (3, 13)

# Compiled functions have no frame, so the number of frames to skip differs between the builds.
_FRAMES_OF_GREENRT = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")


def without_bool(fd: Any) -> Any:
    """Return `fd`; a bool as an int, after CPython's warning about it, which names the caller of greenrt."""
    if sys.version_info >= (3, 13) and isinstance(fd, bool):
        warnings.warn(
            "bool is used as a file descriptor", RuntimeWarning, skip_file_prefixes=(_FRAMES_OF_GREENRT,)
        )
        return int(fd)
    return fd
