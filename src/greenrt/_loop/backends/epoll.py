"""The epoll(7) backend, for Linux."""

from errno import EEXIST, ENOENT

from greenrt._events import EXCEPTIONAL, READ, URGENT, WRITE
from greenrt._loop.backends.base import Backend
from greenrt._native.poller import ADD, DELETE, MODIFY, Poller
from greenrt._typing import ClassVar

__all__ = ["EpollBackend"]

# From <sys/epoll.h>. The module `select` has them only on systems with epoll.
EPOLLIN = 0x1
EPOLLPRI = 0x2
EPOLLOUT = 0x4
EPOLLERR = 0x8
EPOLLHUP = 0x10
EPOLLRDHUP = 0x2000
EPOLLONESHOT = 1 << 30
EPOLLET = 1 << 31


class EpollBackend(Backend):
    """The Linux backend: one-shot registrations, and lasting edge-triggered registrations for sockets."""

    __slots__ = ("poller",)

    name: ClassVar[str] = "epoll"
    has_edges: ClassVar[bool] = True

    def __init__(self) -> None:
        self.poller = Poller()

    def _register(self, fd: int, generation: int, mask: int, registered: bool) -> int:
        # The kernel drops a registration silently at the last close of its file, and keeps it after a close of this
        # fd if the file has a duplicate. So `registered` is only the better first guess.
        error = self.poller.control(MODIFY if registered else ADD, fd, mask, generation)
        if error == ENOENT:
            error = self.poller.control(ADD, fd, mask, generation)
        elif error == EEXIST:
            error = self.poller.control(MODIFY, fd, mask, generation)
        return error

    def arm(self, fd: int, generation: int, events: int, registered: bool) -> int:
        """See `Backend.arm`."""
        mask = EPOLLONESHOT
        if events & READ:
            mask |= EPOLLIN | EPOLLRDHUP
        if events & WRITE:
            mask |= EPOLLOUT
        if events & URGENT:
            mask |= EPOLLPRI
        return self._register(fd, generation, mask, registered)

    def watch_edges(self, fd: int, generation: int, registered: bool) -> int:
        """See `Backend.watch_edges`."""
        return self._register(
            fd, generation, EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET, registered
        )

    def forget(self, fd: int) -> None:
        """See `Backend.forget`."""
        self.poller.control(DELETE, fd, 0, 0)

    def wait(self, timeout: float) -> int:
        """See `Backend.wait`."""
        poller = self.poller
        return poller.wait(timeout)

    def ready_fd(self, index: int) -> int:
        """See `Backend.ready_fd`."""
        return self.poller.ready_fd(index)

    def ready_generation(self, index: int) -> int:
        """See `Backend.ready_generation`."""
        return self.poller.ready_generation(index)

    def ready_events(self, index: int) -> int:
        """See `Backend.ready_events`."""
        mask = self.poller.ready_events(index)
        events = 0
        if mask & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP):
            events |= READ
        if mask & (EPOLLOUT | EPOLLERR | EPOLLHUP):
            events |= WRITE
        if mask & (EPOLLPRI | EPOLLRDHUP | EPOLLERR | EPOLLHUP):
            events |= EXCEPTIONAL
        if mask & EPOLLPRI:
            events |= URGENT
        return events

    def fileno(self) -> int:
        """Return the fd of the epoll instance."""
        fd: int = self.poller.fd
        return fd

    def close(self) -> None:
        """See `Backend.close`."""
        poller = self.poller
        poller.close()
