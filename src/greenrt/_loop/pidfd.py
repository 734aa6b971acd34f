"""The file descriptor of a process, which is readable when the process has ended: pidfd_open(2)."""

import os

from greenrt._typing import Any

__all__ = ["open_pidfd"]

# Python has it where the C library knows the call.
_pidfd_open: Any = getattr(os, "pidfd_open", None)


def open_pidfd(pid: int) -> int | None:
    """Return a new fd for process `pid`, to be closed by the caller; None where another way has to be taken.

    That is: on Linux before 5.3, without a free fd, and in a sandbox that refuses the call. ProcessLookupError if
    there is no such process, not even one that ended and was not reaped. Any thread.
    """
    if _pidfd_open is None:
        return None
    try:
        return int(_pidfd_open(pid))
    except ProcessLookupError:
        raise
    except OSError:
        return None
