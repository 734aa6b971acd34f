"""Parking until a file descriptor is ready."""

import _socket
from errno import EBADF

from greenrt import _original
from greenrt._events import CLOSED, READ, URGENT, WRITE
from greenrt._hub.current_hub import threads_with_hub
from greenrt._hub.park import TIMED_OUT, NativePark, as_seconds, new_park, yield_now
from greenrt._native.switch import current_or_none
from greenrt._native.thread import coarse, get_slot
from greenrt._typing import Any, Protocol
from greenrt.errors import ConcurrentObjectUseError, LoopClosed

__all__ = [
    "forget_fd",
    "new_fd",
    "note_short_read",
    "park_on_fd",
    "park_on_fds",
    "park_on_socket",
    "poll_fd",
    "read_would_wait",
    "wait_read",
    "wait_readwrite",
    "wait_write",
    "yield_if_due",
]

_READ_WRITE = READ | WRITE
# The longest timeout of poll(2), a C int (milliseconds): 24 days.
_LONGEST_POLL = 2**31 - 1

# The report's texts for a park on a socket.
READABLE = "{0!r} to be readable"
WRITABLE = "{0!r} to be writable"


class HasFileno(Protocol):
    """An object with a file descriptor, such as a socket."""

    def fileno(self) -> int:
        """Return the file descriptor."""
        raise NotImplementedError


def park_on_socket(what: Any, fd: int, event: int, timeout: Any) -> int:
    """Park after an operation on the socket `what` met EAGAIN; return the events, or 0 after `timeout` seconds.

    `fd` is the socket's file descriptor, `event` is READ or WRITE. A `timeout` of None means no limit. A wakeup only
    means that the caller should try the operation again. A thread without a hub waits in poll(2).

    Raises OSError (EBADF) if the file descriptor is closed meanwhile. Raises ConcurrentObjectUseError if another
    greenlet waits for the same event of the same stream. (Any number may wait for connections and datagrams.)
    """
    park = new_park((READABLE if event == READ else WRITABLE, what))
    if isinstance(park, NativePark):
        return _poll_native(fd, event, timeout)
    fds = park.hub.loop.fds
    occupant: Any = fds.try_park(fd, event, park)
    if occupant is not None:
        _share(what, fd, event, park, occupant)
    park.guard = fds.entry(fd)
    park.counted = True
    outcome = park.wait(timeout)
    if outcome is TIMED_OUT:
        return 0
    happened: int = outcome
    if happened & CLOSED:
        _raise_closed(what)
    return happened


def _raise_closed(what: Any) -> None:
    raise OSError(EBADF, f"{what} was closed while a greenlet waited for it")


def _share(what: Any, fd: int, event: int, park: Any, occupant: Any) -> None:
    """Register `park` though `occupant` already waits for the same, or raise ConcurrentObjectUseError."""
    fds = park.hub.loop.fds
    if occupant.over:
        # The occupant was killed or timed out, and has not run yet to remove its park.
        fds.park(fd, event, park)
    elif what.type & 0xF != _socket.SOCK_STREAM or what.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN):
        # Each datagram and each connection is a unit, so the first waiter takes it whole, as with threads.
        fds.add(fd, event, park)
    else:
        raise ConcurrentObjectUseError(
            f"{what!r} is being {'read' if event == READ else 'written'} by {occupant.greenlet!r}, and "
            f"{park.greenlet!r} can't do so at the same time; let one greenlet do it, or share a lock"
        )


def yield_if_due() -> None:
    """Yield to other greenlets if this thread has not polled for some milliseconds.

    The caller is at the start of an operation that may never have to wait. Otherwise, a greenlet that always finds
    data would keep all other greenlets waiting. At the end of an operation, a kill would lose the received data.
    """
    hub = get_slot()
    if hub is None or coarse() < hub._poll_due:
        return
    running = current_or_none()
    if running is not None and running is not hub:
        yield_now()


def read_would_wait(fd: int) -> bool:
    """Yield if due, then return whether the loop knows that a read of the stream socket `fd` would wait.

    See `yield_if_due`. Returns false in a thread without a hub.
    """
    hub = get_slot()
    if hub is None:
        return False
    if coarse() >= hub._poll_due:
        yield_if_due()
    fds = hub.loop.fds
    dry: bool = fds.is_drained(fd)
    return dry


def note_short_read(fd: int) -> None:
    """Note in this thread's loop that a read has drained the stream socket `fd`."""
    hub = get_slot()
    if hub is not None:
        fds = hub.loop.fds
        fds.note_drained(fd)


def new_fd(fd: int) -> None:
    """Note that `fd` may now be another file: discard what the loops of all threads have noted about it."""
    hub = get_slot()
    if hub is not None:
        hub.loop.fds.reset(fd)
    for other in _other_hubs(hub):
        other.loop.fds.reset_elsewhere(fd)


def forget_fd(fd: int) -> None:
    """Note that the caller is about to close `fd`. Its waiters, in any thread, get OSError (EBADF)."""
    if fd < 0:
        return
    hub = get_slot()
    if hub is not None:
        hub.loop.fds.forget(fd)
    for other in _other_hubs(hub):
        loop = other.loop
        waiters = loop.fds.forget_elsewhere(fd)
        if waiters:
            try:
                loop.run_callback_threadsafe(loop.fds.evict, fd, waiters)
            except LoopClosed:
                continue


def _other_hubs(hub: Any) -> list[Any]:
    """Return the hubs of the other threads; `hub` is the calling thread's hub, or None."""
    if len(threads_with_hub) < (1 if hub is None else 2):
        return []
    return [other for other in list(threads_with_hub.values()) if other is not hub and not other.loop.closed]


def park_on_fd(fd: int, events: int, timeout: float | None) -> int:
    """Park until `fd` is ready for one of `events`; return the ready events, or 0 after `timeout` seconds.

    `events` is READ, WRITE or both. A `timeout` of None means no limit. The wait is level-triggered: the function
    returns at once if `fd` is ready. Any number of greenlets may wait for the same file descriptor. A thread without
    a hub waits in poll(2). Raises OSError (EBADF) if `fd` is not open or is closed meanwhile.
    """
    park = new_park(
        ("fd {0} to be ready for {1}", fd, ("", "reading", "writing", "reading or writing")[events & 3])
    )
    if isinstance(park, NativePark):
        return _poll_native(fd, events, timeout)
    fds = park.hub.loop.fds
    fds.add(fd, events, park)
    park.guard = fds.entry(fd)
    park.counted = True
    outcome = park.wait(timeout)
    if outcome is TIMED_OUT:
        return 0
    if outcome & ~_READ_WRITE:
        _raise_closed(f"file descriptor {fd}")
    return int(outcome)


def park_on_fds(wanted: dict[int, int], timeout: float | None) -> None:
    """Park until any file descriptor of `wanted` is ready for its events, or for `timeout` seconds (None: no limit).

    `wanted` maps file descriptors to events (READ, WRITE, URGENT). The wait is level-triggered. The caller itself
    must find out which file descriptors are ready. Raises OSError (EBADF) if one is not open. A thread without a hub
    waits in poll(2).
    """
    park = new_park(("any of {0} file descriptors", len(wanted)))
    if isinstance(park, NativePark):
        _poll(wanted, timeout)
        return
    fds = park.hub.loop.fds
    added = []
    park.counted = True
    try:
        for fd, events in wanted.items():
            fds.add(fd, events, park)
            added.append(fd)
        park.wait(timeout)
    finally:
        for fd in added:
            fds.withdraw(fd, park)


def poll_fd(fd: int, mask: int, milliseconds: float | None = 0) -> int:
    """Return the poll(2) events of `fd`: the events in `mask`, and POLLERR, POLLHUP and POLLNVAL; 0 if it has none.

    The call blocks the native thread until `fd` has an event, for at most `milliseconds` (None: no limit).
    """
    poller = _original.poll()
    poller.register(fd, mask)
    ready: list[tuple[int, int]] = poller.poll(milliseconds)
    return ready[0][1] if ready else 0


def _poll_native(fd: int, events: int, timeout: float | None) -> int:
    mask = _poll({fd: events}, timeout).get(fd, 0)
    if not mask:
        return 0
    return events if mask & ~5 else (READ if mask & 1 else 0) | (WRITE if mask & 4 else 0)


def _poll(wanted: dict[int, int], timeout: float | None) -> dict[int, int]:
    """Block the native thread as `park_on_fds` parks a greenlet; return the poll(2) events of what is ready."""
    poller = _original.poll()
    for fd, events in wanted.items():
        # The values of POLLIN, POLLPRI and POLLOUT in <poll.h>.
        poller.register(
            fd, (1 if events & READ else 0) | (2 if events & URGENT else 0) | (4 if events & WRITE else 0)
        )
    # To poll(2), a negative timeout means no limit.
    limit = None if timeout is None else min(max(as_seconds(timeout), 0.0) * 1000, _LONGEST_POLL)
    ready = dict(poller.poll(limit))
    for fd, mask in ready.items():
        if mask & 0x20:
            raise OSError(EBADF, f"{fd} is not an open file descriptor")
    return ready


def _wait(fd: Any, events: int, timeout: float | None, timeout_exc: Any) -> None:
    if isinstance(fd, int):
        number = fd
    else:
        fileno = getattr(fd, "fileno", None)
        if fileno is None:
            raise TypeError(f"fileno must be a file descriptor or an object with fileno(), not {fd!r}")
        number = fileno()
    kind = timeout_exc if isinstance(timeout_exc, type) else type(timeout_exc)
    if timeout_exc is not None and not issubclass(kind, BaseException):
        raise TypeError(f"timeout_exc must be an exception, not {timeout_exc!r}")
    if not park_on_fd(number, events, timeout):
        raise TimeoutError("timed out") if timeout_exc is None else timeout_exc


def wait_read(
    fileno: int | HasFileno,
    timeout: float | None = None,
    timeout_exc: type[BaseException] | BaseException | None = None,
) -> None:
    """Park until `fileno`, a file descriptor or an object with ``fileno()``, is readable.

    It may be any file descriptor that can be polled. The wait is level-triggered. Raises `timeout_exc` (an exception
    or a class; default: TimeoutError) after `timeout` seconds (None: no limit). Raises OSError (EBADF) if the file
    descriptor is not open or is closed meanwhile, and TypeError for other arguments.
    """
    _wait(fileno, READ, timeout, timeout_exc)


def wait_write(
    fileno: int | HasFileno,
    timeout: float | None = None,
    timeout_exc: type[BaseException] | BaseException | None = None,
) -> None:
    """Park until `fileno` is writable. Arguments and exceptions are as in `wait_read`."""
    _wait(fileno, WRITE, timeout, timeout_exc)


def wait_readwrite(
    fileno: int | HasFileno,
    timeout: float | None = None,
    timeout_exc: type[BaseException] | BaseException | None = None,
) -> None:
    """Park until `fileno` is readable or writable. Arguments and exceptions are as in `wait_read`."""
    _wait(fileno, _READ_WRITE, timeout, timeout_exc)
