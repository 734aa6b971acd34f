"""`os.open`, cooperative: opening a FIFO waits for its other end, and suspends only the greenlet.

The FIFO is opened without a wait (O_NONBLOCK). Then its other end is checked repeatedly, since neither open(2) nor
poll(2) reports when another process opens it. Data stays in the FIFO. Another process with a blocking open(2) for
writing sees this end at once; a process that opens for reading sees it after some milliseconds. Source: fifo(7).
"""

import os
from errno import ENXIO
from stat import S_ISCHR, S_ISFIFO

from greenrt import _original
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import poll_fd, yield_if_due
from greenrt._hub.sleep import sleep
from greenrt._native.nowait import has_writer
from greenrt._typing import Any
from greenrt.green._fds import POLLIN, without_bool
from greenrt.green._polling import growing_pauses, poll_until

__all__ = ["FUNCTIONS", "open", "open_for_file", "waits"]

# An open with one of these flags never waits.
_NEVER_WAITS: int = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_PATH", 0)
_NEW: int = os.O_CREAT | os.O_EXCL
_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)
_ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR

# The major number of /dev/null and similar devices (Linux's Documentation/admin-guide/devices.txt).
_MEMORY_DEVICES = 1


def open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    """Open a file; return its file descriptor. See `os.open`."""
    dir_fd = without_bool(dir_fd)
    if _waits_for_partner(path, flags, dir_fd) and hub_for_waiting() is not None:
        return _open_fifo(path, flags, mode, dir_fd)
    return _original.os_open(path, flags, mode, dir_fd=dir_fd)


def open_for_file(path: Any, flags: int) -> int:
    """Open a file as the constructors of file objects do. A value for their argument `opener`."""
    return open(path, flags, 0o666)


def waits(path: Any) -> bool:
    """Return whether reads or writes of the file at `path` may wait: for a FIFO, a terminal or a similar device."""
    try:
        status = os.stat(path)
    except (OSError, TypeError, ValueError):
        # The call that opens the file reports the error.
        return False
    if S_ISCHR(status.st_mode):
        return os.major(status.st_rdev) != _MEMORY_DEVICES
    return S_ISFIFO(status.st_mode)


def _waits_for_partner(path: Any, flags: Any, dir_fd: int | None) -> bool:
    try:
        if flags & _NEVER_WAITS or flags & _NEW == _NEW or flags & _ACCESS == os.O_RDWR:
            return False
        if isinstance(path, int):
            # os.stat accepts file descriptors, os.open does not.
            return False
        status = os.stat(path, dir_fd=dir_fd, follow_symlinks=not flags & _NO_LINK)
    except (OSError, TypeError, ValueError):
        # The call that opens the file reports the error.
        return False
    return S_ISFIFO(status.st_mode)


def _open_fifo(path: Any, flags: int, mode: int, dir_fd: int | None) -> int:
    yield_if_due()
    pauses = growing_pauses()
    while True:
        try:
            fd = _original.os_open(path, flags | os.O_NONBLOCK, mode, dir_fd=dir_fd)
            break
        except OSError as error:
            # ENXIO: opened for writing, and there is no reader yet.
            if error.errno != ENXIO:
                raise
        sleep(next(pauses))
    try:
        if flags & _ACCESS == os.O_RDONLY:
            _wait_for_writer(fd)
        os.set_blocking(fd, True)
    except BaseException:
        _original.close(fd)
        raise
    return fd


def _wait_for_writer(fd: int) -> None:
    # `has_writer` copies data into this pipe.
    ends = os.pipe()
    try:
        # POLLIN or POLLHUP: a writer has opened the FIFO, and may have closed it again.
        poll_until(lambda: poll_fd(fd, POLLIN) or has_writer(fd, ends[1]))
    finally:
        for end in ends:
            _original.close(end)


# The functions that patching replaces in `os`.
FUNCTIONS: dict[str, Any] = {"open": open}
