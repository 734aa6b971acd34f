"""The waits of socket calls: how long a call may wait, and which error it raises after that."""

import _socket
import errno
import os

from greenrt._events import READ
from greenrt._hub.fd_wait import park_on_socket, yield_if_due
from greenrt._native.sockio import WOULD_BLOCK, attempt, descriptor, timeout_of
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.green import _socket_options

__all__ = ["family_of", "type_of", "until_done", "wait_for"]

DONTWAIT: int = getattr(_socket, "MSG_DONTWAIT", 0)
# With one of these flags the caller does not want to wait. Reads of the error queue never wait.
NEVER_WAIT: int = DONTWAIT | getattr(_socket, "MSG_ERRQUEUE", 0)
# A read of urgent data never waits: the data is available or not.
NEVER_WAIT_TO_READ: int = NEVER_WAIT | _socket.MSG_OOB

# The same flags as C integers in the compiled build.
NEVER_WAITS = NEVER_WAIT
NEVER_WAITS_TO_READ = NEVER_WAIT_TO_READ

_native = _socket.socket
# Plain numbers: the properties `family` and `type` look up members of enumerations, which takes longer than a short
# system call.
family_of: Any = _native.family.__get__
type_of: Any = _native.type.__get__
_special = _socket_options.special


def wait_for(sock: Any, event: int, deadline: float, flags: int) -> float:
    """Park until the next attempt may succeed; return the deadline. The first call (0) computes it from the timeout.

    Raise BlockingIOError if the socket is non-blocking, if `flags` forbid to wait, or after the time limit of
    SO_RCVTIMEO or SO_SNDTIMEO. Raise TimeoutError after the deadline of the socket's timeout. -1: no deadline.
    """
    if deadline == 0.0:
        limit = timeout_of(sock)
        # As in CPython: its timeouts are waits before the system call, and ignore the flags of that call.
        if limit == 0.0 or (limit < 0.0 and flags & (NEVER_WAITS_TO_READ if event == READ else NEVER_WAITS)):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        if limit < 0.0 and _special and descriptor(sock) in _special:
            limit = _socket_options.time_limit(sock, event)
        deadline = -1.0 if limit < 0.0 else monotonic() + limit
    if deadline < 0.0:
        park_on_socket(sock, descriptor(sock), event, None)
        return deadline
    left = deadline - monotonic()
    if left <= 0.0 or not park_on_socket(sock, descriptor(sock), event, left):
        _raise_late(sock)
    return deadline


def _raise_late(sock: Any) -> None:
    if timeout_of(sock) < 0.0 and descriptor(sock) in _special:
        # The limit belongs to the kernel, which reports its end by this error.
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    raise TimeoutError("timed out")


def until_done(sock: Any, event: int, method: Any, args: tuple[Any, ...], flags: int) -> Any:
    """Call a method of `_socket.socket` until it does not have to wait; return its result."""
    yield_if_due()
    result = attempt(sock, method, args)
    deadline = 0.0
    while result is WOULD_BLOCK:
        deadline = wait_for(sock, event, deadline, flags)
        result = attempt(sock, method, args)
    return result
