"""epoll(7): Linux."""

from errno import EEXIST, ENOENT

from greenrt._loop.backends.base import Backend
from greenrt._native.poller import ADD, DELETE, MODIFY, Poller
from greenrt._typing import ClassVar

__all__ = ["EpollBackend"]

# <sys/epoll.h>; the module `select` has them only where it has epoll.
EPOLLIN = 0x1
EPOLLPRI = 0x2
EPOLLOUT = 0x4
EPOLLERR = 0x8
EPOLLHUP = 0x10
EPOLLRDHUP = 0x2000
EPOLLONESHOT = 1 << 30
EPOLLET = 1 << 31


class EpollBackend(Backend):
    """The Linux backend: one-shot registrations, and sticky edges for sockets."""

    __slots__ = ("poller",)

    name: ClassVar[str] = "epoll"
    sticky: ClassVar[bool] = True

    def __init__(self) -> None:
        self.poller = Poller()

    def _register(self, fd: int, generation: int, mask: int, known: bool) -> int:
        # A registration dies silently with the last close of its file, and outlives a close of this fd where
        # the file was dup'ed: what we believe is only the better first guess.
        error = self.poller.control(MODIFY if known else ADD, fd, mask, generation)
        if error == ENOENT:
            error = self.poller.control(ADD, fd, mask, generation)
        elif error == EEXIST:
            error = self.poller.control(MODIFY, fd, mask, generation)
        return error

    def arm(self, fd: int, generation: int, events: int, known: bool) -> int:
        """See `Backend.arm`."""
        mask = EPOLLONESHOT
        if events & 1:
            mask |= EPOLLIN | EPOLLRDHUP
        if events & 2:
            mask |= EPOLLOUT
        if events & 32:
            mask |= EPOLLPRI
        return self._register(fd, generation, mask, known)

    def stick(self, fd: int, generation: int, known: bool) -> int:
        """See `Backend.stick`."""
        return self._register(fd, generation, EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET, known)

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
            events |= 1
        if mask & (EPOLLOUT | EPOLLERR | EPOLLHUP):
            events |= 2
        if mask & (EPOLLPRI | EPOLLRDHUP | EPOLLERR | EPOLLHUP):
            events |= 16
        if mask & EPOLLPRI:
            events |= 32
        return events

    def fileno(self) -> int:
        """Return the epoll instance's fd."""
        fd: int = self.poller.fd
        return fd

    def close(self) -> None:
        """See `Backend.close`."""
        poller = self.poller
        poller.close()
