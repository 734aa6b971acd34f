"""The file descriptor of a process, which is readable when the process has ended: pidfd_open(2)."""

import os
from collections.abc import Callable

from greenrt._typing import Any

__all__ = ["open_pidfd"]

# Python has it where the C library knows the call. What a program's test puts into `os` instead may itself wait for
# children, and come here.
_pidfd_open: Any = getattr(os, "pidfd_open", None)


def open_pidfd(pid: int, pidfd_open: Callable[[int, int], int] | None = None) -> int | None:
    """Return a new fd for process `pid`, to be closed by the caller; None where another way has to be taken.

    That is: on Linux before 5.3, without a free fd, and in a sandbox that refuses the call. ProcessLookupError if
    there is no such process, not even one that ended and was not reaped. Any thread. `pidfd_open` is called in the
    place of `os.pidfd_open`.
    """
    function = _pidfd_open if pidfd_open is None else pidfd_open
    if function is None:
        return None
    try:
        return int(function(pid, 0))
    except ProcessLookupError:
        raise
    except OSError:
        return None
