"""Backends without compiled code: poll(2), select(2), kqueue(2). They are slower and more portable."""

import errno
import os
import select

from greenrt import _original
from greenrt._events import READ, WRITE
from greenrt._loop.backends.base import Backend
from greenrt._native.gil import GilTurns
from greenrt._typing import Any, ClassVar

__all__ = ["KqueueBackend", "PollBackend", "SelectBackend"]


def _check_open(fd: int) -> int:
    try:
        os.fstat(fd)
    except OSError as error:
        return error.errno or errno.EBADF
    return 0


class _TableBackend(Backend):
    """Base of the backends that keep the armed fds in a dict and pass all of them to the kernel for each wait."""

    __slots__ = ("_armed", "_batch", "_gil_turns")

    def __init__(self) -> None:
        self._armed: dict[int, tuple[int, int]] = {}
        self._batch: list[tuple[int, int, int]] = []
        self._gil_turns = GilTurns()

    def arm(self, fd: int, generation: int, events: int, registered: bool) -> int:
        """See `Backend.arm`."""
        error = _check_open(fd)
        if error:
            return error
        if events:
            self._armed[fd] = (generation, events)
        else:
            self._armed.pop(fd, None)
        return 0

    def watch_edges(self, fd: int, generation: int, registered: bool) -> int:
        """Return ENOSYS: `has_edges` is false."""
        return errno.ENOSYS

    def forget(self, fd: int) -> None:
        """See `Backend.forget`."""
        self._armed.pop(fd, None)

    def _report(self, ready: dict[int, int]) -> int:
        """Turn {fd: events} into the batch, and disarm these fds: registrations are one-shot."""
        self._batch = []
        for fd, events in ready.items():
            armed = self._armed.pop(fd, None)
            if armed is not None:
                self._batch.append((fd, armed[0], events & armed[1] or armed[1]))
        return len(self._batch)

    def ready_fd(self, index: int) -> int:
        """See `Backend.ready_fd`."""
        return self._batch[index][0]

    def ready_generation(self, index: int) -> int:
        """See `Backend.ready_generation`."""
        return self._batch[index][1]

    def ready_events(self, index: int) -> int:
        """See `Backend.ready_events`."""
        return self._batch[index][2]

    def close(self) -> None:
        """See `Backend.close`."""
        self._armed.clear()


class PollBackend(_TableBackend):
    """poll(2)."""

    __slots__ = ()

    name: ClassVar[str] = "poll"

    def wait(self, timeout: float) -> int:
        """See `Backend.wait`."""
        self._gil_turns.give(timeout)
        poller = _original.poll()
        for fd, (_, events) in self._armed.items():
            poller.register(
                fd, (select.POLLIN if events & READ else 0) | (select.POLLOUT if events & WRITE else 0)
            )
        ready: dict[int, int] = {}
        # In milliseconds, rounded up: a wait never ends early. The kernel's type ends at 2**31 ms.
        for fd, mask in poller.poll(None if timeout < 0 else min(-(-timeout * 1000 // 1), 2**31 - 1)):
            trouble = mask & (select.POLLERR | select.POLLHUP | select.POLLNVAL)
            readable = READ if mask & select.POLLIN or trouble else 0
            writable = WRITE if mask & select.POLLOUT or trouble else 0
            ready[fd] = readable | writable
        return self._report(ready)


class SelectBackend(_TableBackend):
    """select(2). It supports only fds below FD_SETSIZE (1024)."""

    __slots__ = ()

    name: ClassVar[str] = "select"

    def arm(self, fd: int, generation: int, events: int, registered: bool) -> int:
        """See `Backend.arm`."""
        if fd >= 1024:
            return errno.EMFILE
        return super().arm(fd, generation, events, registered)

    def wait(self, timeout: float) -> int:
        """See `Backend.wait`."""
        self._gil_turns.give(timeout)
        readers = [fd for fd, (_, events) in self._armed.items() if events & READ]
        writers = [fd for fd, (_, events) in self._armed.items() if events & WRITE]
        ready: dict[int, int] = {}
        try:
            r, w, _ = _original.select(readers, writers, (), None if timeout < 0 else min(timeout, 86400.0))
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            # An fd was closed without our knowledge. Wake up its waiter, which then gets the error of its own call.
            return self._report({fd: READ | WRITE for fd in self._armed if _check_open(fd)})
        for fd in r:
            ready[fd] = READ
        for fd in w:
            ready[fd] = ready.get(fd, 0) | WRITE
        return self._report(ready)


class KqueueBackend(_TableBackend):
    """kqueue(2), for the BSDs and macOS. The project's CI runs on Linux and does not test it there."""

    __slots__ = ("_kqueue",)

    name: ClassVar[str] = "kqueue"

    def __init__(self) -> None:
        super().__init__()
        self._kqueue: Any = select.kqueue()  # type: ignore[attr-defined, unused-ignore]

    def arm(self, fd: int, generation: int, events: int, registered: bool) -> int:
        """See `Backend.arm`."""
        kq: Any = select
        old = self._armed.get(fd, (0, 0))[1]
        changes = []
        for bit, name in ((READ, kq.KQ_FILTER_READ), (WRITE, kq.KQ_FILTER_WRITE)):
            if events & bit:
                changes.append(kq.kevent(fd, name, kq.KQ_EV_ADD | kq.KQ_EV_ONESHOT))
            elif old & bit:
                changes.append(kq.kevent(fd, name, kq.KQ_EV_DELETE))
        error = super().arm(fd, generation, events, registered)
        if error:
            return error
        for change in changes:
            try:
                self._kqueue.control([change], 0)
            except OSError as failure:
                if change.flags & kq.KQ_EV_ADD:
                    return failure.errno or errno.EBADF
        return 0

    def forget(self, fd: int) -> None:
        """See `Backend.forget`. The kernel itself removes the fd when it is closed."""
        self._armed.pop(fd, None)

    def wait(self, timeout: float) -> int:
        """See `Backend.wait`."""
        self._gil_turns.give(timeout)
        kq: Any = select
        ready: dict[int, int] = {}
        for event in self._kqueue.control(None, 1024, None if timeout < 0 else timeout):
            bit = READ if event.filter == kq.KQ_FILTER_READ else WRITE
            ready[event.ident] = ready.get(event.ident, 0) | bit
        return self._report(ready)

    def fileno(self) -> int:
        """Return the fd of the kqueue."""
        return int(self._kqueue.fileno())

    def close(self) -> None:
        """See `Backend.close`."""
        self._kqueue.close()
