"""The file of a Unix socket: when a new server may replace it, and when its own server removes it. See unix(7)."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EADDRINUSE, ECONNREFUSED

from greenrt import _original
from greenrt._hub.sleep import sleep
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.green import socket

__all__ = ["SocketFile", "remove_stale", "sole_starter"]

# How long a server waits for another one that starts in the same directory, in seconds. A start takes less than a
# millisecond, so after this time the lock belongs to another program.
PATIENCE = 2.0


class SocketFile:
    """The file of a socket that this process has bound. Raise OSError if `path` does not exist."""

    __slots__ = ("_identity", "_pid", "path")

    def __init__(self, path: str) -> None:
        # An absolute path stays valid when the program changes its directory.
        self.path: str = os.path.abspath(path)
        self._identity = _identity(self.path)
        # The child of a fork inherits the socket, but the file belongs to its parent.
        self._pid = os.getpid()

    def remove(self) -> None:
        """Remove the file, unless another process has replaced it or this is the child of a fork."""
        try:
            if os.getpid() == self._pid and _identity(self.path) == self._identity:
                os.unlink(self.path)
        except OSError:
            # The file is missing, or the directory has become read-only. The next start replaces a dead socket.
            pass


@contextmanager
def sole_starter(path: str) -> Iterator[None]:
    """Let one server at a time remove a stale file at `path`, bind and listen.

    A socket that is bound but does not listen yet looks like a dead one: another server that starts would remove its
    file. The lock is on the directory, so it leaves no file behind. The lock is advisory: the server starts even
    without it.
    """
    try:
        directory = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        # The directory is not readable but may be writable; or bind(2) reports what is wrong with it.
        yield
        return
    try:
        deadline = monotonic() + PATIENCE
        while not _locked(directory) and monotonic() < deadline:
            sleep(0.005)
        yield
    finally:
        _original.close(directory)


def _locked(directory: int) -> bool:
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # The file system has no locks.
        pass
    return True


def remove_stale(path: str, kind: Any) -> None:
    """Remove the file of a server that has ended, so that `path` can be bound.

    Raise OSError (EADDRINUSE) if anything else is there: a file, a FIFO, a symbolic link, the socket of a running
    server.
    """
    try:
        found = os.lstat(path)
    except OSError:
        # bind(2) reports what is wrong with the directory.
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError(
            EADDRINUSE, "address in use by a file that is no socket; choose another path, or remove it"
        )
    with socket.socket(socket.AF_UNIX, kind) as probe:
        # The backlog of a running server may be full: connect(2) would wait for it.
        probe.settimeout(0.0)
        error = probe.connect_ex(path)
    if error != ECONNREFUSED:
        raise OSError(
            EADDRINUSE, "address in use by a server that is running; stop it, or choose another path"
        )
    # Another process may have replaced the file in the meantime.
    if _identity(path) == (found.st_dev, found.st_ino):
        os.unlink(path)


def _identity(path: str) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino
