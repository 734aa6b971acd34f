"""The functions of `os` that move data between file descriptors, and those for eventfds, cooperative.

No flag of sendfile(2) and splice(2) prevents all of their waits. So the file descriptors are non-blocking during the
system call only, and the call does not wait. Sources: sendfile(2), splice(2), eventfd(2).
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from stat import S_IFIFO

from greenrt import _original
from greenrt._events import READ, WRITE
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import park_on_fd, poll_fd, yield_if_due
from greenrt._hub.sleep import sleep
from greenrt._native.nowait import kind_of, read_now
from greenrt._typing import Any
from greenrt.green import _socket_fds
from greenrt.green._fd_io import ALWAYS_READY, NO_KIND, may_wait
from greenrt.green._fds import POLLIN, POLLOUT, without_bool
from greenrt.green._socket_options import has_special
from greenrt.green._twin import supported

__all__ = ["FUNCTIONS"]

_PAUSE = 0.005
_SPLICE_WITHOUT_WAIT: int = getattr(os, "SPLICE_F_NONBLOCK", 0)


@contextmanager
def _not_blocking(*fds: int) -> Iterator[None]:
    changed = [fd for fd in fds if os.get_blocking(fd)]
    for fd in changed:
        os.set_blocking(fd, False)
    try:
        yield
    finally:
        for fd in changed:
            os.set_blocking(fd, True)


def _is_plain(*fds: Any) -> bool:
    """Return whether to make the original call: without a hub to wait in, or with wrong arguments."""
    return not all(isinstance(fd, int) for fd in fds) or hub_for_waiting() is None


def _until_done(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    fds: tuple[int, ...],
    wait: Callable[..., float],
    *what: int,
) -> Any:
    """Return ``function(*args)``, called with non-blocking `fds`, and called again after each `wait`.

    ``wait(deadline, *what)`` returns the deadline for the next one; the first one is 0.
    """
    deadline = 0.0
    while (result := _attempt(function, args, fds)) is NotImplemented:
        deadline = wait(deadline, *what)
    return result


def _attempt(function: Callable[..., Any], args: tuple[Any, ...], fds: tuple[int, ...]) -> Any:
    """Call `function`; return NotImplemented if it would wait.

    The wait is in another function, so that it does not keep the error alive.
    """
    try:
        with _not_blocking(*fds):
            return function(*args)
    except BlockingIOError:
        return NotImplemented


def _wait(fd: int, event: int, deadline: float) -> float:
    """Park until `fd` is ready; return the deadline (0: none, or not known yet). A socket's options may set one."""
    if has_special(fd):
        return _socket_fds.wait(fd, event, deadline)
    park_on_fd(fd, event, None)
    return deadline


def _wait_to_read(deadline: float, fd: int) -> float:
    return _wait(fd, READ, deadline)


def sendfile(out_fd: int, in_fd: int, offset: int | None, count: int) -> int:
    """Send `count` bytes of a file; return how many were sent: fewer only at its end. See `os.sendfile`."""
    if _is_plain(out_fd, in_fd, count) or not may_wait(out_fd) or not os.get_blocking(out_fd):
        return _original.sendfile(out_fd, in_fd, offset, count)  # type: ignore[no-any-return]
    yield_if_due()
    sent = 0
    deadline = 0.0
    while True:
        args = (out_fd, in_fd, None if offset is None else offset + sent, count - sent)
        try:
            step = _attempt(_original.sendfile, args, (out_fd,))
        except OSError:
            if not sent:
                raise
            # As in sendfile(2): the next call reports the error.
            return sent
        if step is NotImplemented:
            try:
                deadline = _wait(out_fd, WRITE, deadline)
            except BlockingIOError:
                # The time of SO_SNDTIMEO is up.
                if not sent:
                    raise
                return sent
            continue
        sent += step
        # The kernel sends page by page, and SO_SNDTIMEO limits each of these steps.
        deadline = 0.0
        if not step or sent >= count:
            return sent  # type: ignore[no-any-return]


def splice(
    src: int,
    dst: int,
    count: int,
    offset_src: int | None = None,
    offset_dst: int | None = None,
    flags: int = 0,
) -> int:
    """Move at most `count` bytes from or to a pipe; return how many were moved. See `os.splice`."""
    args = (src, dst, count, offset_src, offset_dst, flags)
    # O_NONBLOCK is the user's choice, for the pipe and for the other end.
    if (
        _is_plain(src, dst, count, flags)
        or flags & _SPLICE_WITHOUT_WAIT
        or not (os.get_blocking(src) and os.get_blocking(dst))
    ):
        return _original.splice(*args)  # type: ignore[no-any-return]
    yield_if_due()
    args = (*args[:-1], flags | _SPLICE_WITHOUT_WAIT)
    others = tuple(fd for fd in (src, dst) if kind_of(fd) not in (*ALWAYS_READY, S_IFIFO))
    return _until_done(_original.splice, args, others, _wait_for_either, src, dst)  # type: ignore[no-any-return]


def _wait_for_either(deadline: float, src: int, dst: int) -> float:
    """Wait for the end of a transfer that is not ready."""
    if may_wait(src) and not poll_fd(src, POLLIN):
        return _wait(src, READ, deadline)
    if may_wait(dst) and not poll_fd(dst, POLLOUT):
        return _wait(dst, WRITE, deadline)
    # There is room, but not for all the data; or the end became ready meanwhile.
    sleep(_PAUSE)
    return deadline


def eventfd_read(fd: int) -> int:
    """Wait until an eventfd has a value; read and return it. See `os.eventfd_read`."""
    fd = without_bool(fd)
    if _is_plain(fd) or kind_of(fd) != NO_KIND or not os.get_blocking(fd):
        return _original.eventfd_read(fd)  # type: ignore[no-any-return]
    yield_if_due()
    # All threads that use the eventfd share O_NONBLOCK, so it is used only if RWF_NOWAIT is not available.
    while (data := read_now(fd, 8)) is None:
        park_on_fd(fd, READ, None)
    if data is not NotImplemented:
        return int.from_bytes(data, sys.byteorder)
    return _until_done(_original.eventfd_read, (fd,), (fd,), _wait_to_read, fd)  # type: ignore[no-any-return]


def eventfd_write(fd: int, value: int) -> None:
    """Wait until an eventfd has room for `value`, and add it. See `os.eventfd_write`."""
    fd = without_bool(fd)
    if _is_plain(fd) or kind_of(fd) != NO_KIND or not os.get_blocking(fd):
        _original.eventfd_write(fd, value)
        return
    yield_if_due()
    if value == 1 and poll_fd(fd, POLLOUT):
        # eventfd(2): if it is writable, 1 can be added without a wait.
        _original.eventfd_write(fd, value)
        return
    _until_done(_original.eventfd_write, (fd, value), (fd,), _wait_for_room, fd)


def _wait_for_room(deadline: float, fd: int) -> float:
    # A writable eventfd has room for 1. There is no event for more room.
    if poll_fd(fd, POLLOUT):
        sleep(_PAUSE)
        return deadline
    return _wait(fd, WRITE, deadline)


# The functions that patching replaces in `os`.
FUNCTIONS: dict[str, Any] = supported(
    os, eventfd_read=eventfd_read, eventfd_write=eventfd_write, sendfile=sendfile, splice=splice
)
