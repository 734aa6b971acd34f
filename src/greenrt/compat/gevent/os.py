"""gevent.os: the standard library's `os` module, cooperative, and further functions for descriptors and children."""

import fcntl
import os as _standard
from collections.abc import Callable

from greenrt import _original
from greenrt._events import READ, WRITE
from greenrt._hub.current_hub import get_hub
from greenrt._hub.fd_wait import park_on_fd
from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._standard import mirror
from greenrt.green import os as _twin

__implements__ = ["fork", "close", "forkpty", "waitpid", "posix_spawn", "posix_spawnp"]
__extensions__ = [
    "fork_and_watch",
    "fork_gevent",
    "forkpty_and_watch",
    "forkpty_gevent",
    "make_nonblocking",
    "nb_read",
    "nb_write",
    "tp_read",
    "tp_write",
]

__all__ = mirror(globals(), _standard, _twin, ("os",))
__imports__ = [name for name in __all__ if name not in __implements__]
__all__ += __extensions__


def make_nonblocking(fd: int) -> bool | None:
    """Set O_NONBLOCK on a file descriptor; return True, or None if it was set already."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL, 0)
    if flags & _standard.O_NONBLOCK:
        return None
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | _standard.O_NONBLOCK)
    return True


def nb_read(fd: int, n: int) -> bytes:
    """Read at most `n` bytes from a non-blocking descriptor; park until there are some. b"" is the end."""
    while True:
        try:
            return _original.read(fd, n)
        except BlockingIOError:
            park_on_fd(fd, READ, None)


def nb_write(fd: int, buf: Any) -> int:
    """Write to a non-blocking descriptor; park until it accepts some. Return how many bytes were written."""
    while True:
        try:
            return _original.write(fd, buf)
        except BlockingIOError:
            park_on_fd(fd, WRITE, None)


def tp_read(fd: int, n: int) -> bytes:
    """Read at most `n` bytes in a thread of the hub's pool."""
    return get_hub().threadpool.apply(_original.read, (fd, n))  # type: ignore[no-any-return]


def tp_write(fd: int, buf: Any) -> int:
    """Write `buf` in a thread of the hub's pool; return how many bytes were written."""
    return get_hub().threadpool.apply(_original.write, (fd, buf))  # type: ignore[no-any-return]


def fork_gevent() -> int:
    """Fork the process; see `os.fork`. The child's loop is ready for use."""
    return _standard.fork()


def forkpty_gevent() -> tuple[int, int]:
    """Fork the process with a new terminal; see `os.forkpty`. The child's loop is ready for use."""
    return _standard.forkpty()


def fork_and_watch(callback: Any = None, loop: Any = None, ref: bool = False, fork: Any = fork_gevent) -> int:
    """Fork the process; in the parent, call ``callback(watcher)`` in the hub after the end of the child.

    Without `callback` this is `fork`: `waitpid` waits cooperatively for any child. With one, the watcher has reaped
    the child before the callback; its attributes `rpid` and `rstatus` are the result.

    loop: the loop that calls back; None for that of the calling thread. ref: whether the watcher keeps the loop
    alive. fork: the function that forks.
    """
    pid: int = fork()
    if pid and callback is not None:
        watcher = (get_hub().loop if loop is None else loop).child(pid, ref=ref)
        watcher.start(callback, watcher)
    return pid


def forkpty_and_watch(
    callback: Any = None, loop: Any = None, ref: bool = False, forkpty: Any = forkpty_gevent
) -> tuple[int, int]:
    """Fork the process with a new terminal, and watch the child as `fork_and_watch` does."""
    made: list[tuple[int, int]] = []

    def fork() -> int:
        made.append(forkpty())
        return made[0][0]

    fork_and_watch(callback, loop, ref, fork)
    return made[0]


__getattr__: Callable[[str], Any] = missing_names(__name__, {})
