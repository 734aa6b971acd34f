"""The file descriptor of a process, which is readable when the process has ended: pidfd_open(2)."""

import os

__all__ = ["open_pidfd"]


def open_pidfd(pid: int) -> int | None:
    """Return a new fd for process `pid`, to be closed by the caller; None where another way has to be taken.

    That is: on Linux before 5.3, without a free fd, and in a sandbox that refuses the call. ProcessLookupError if
    there is no such process, not even one that ended and was not reaped. Any thread.
    """
    # Looked up at each call, as `subprocess` does: tests of programs replace the function. It is missing where the C
    # library has none.
    function = getattr(os, "pidfd_open", None)
    if function is None:
        return None
    try:
        return int(function(pid, 0))
    except ProcessLookupError:
        raise
    except OSError:
        return None
