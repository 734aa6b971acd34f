"""The epoll instance: non-raising registration, and a wait that fills a batch (plain twin over select.epoll)."""

import errno

from greenrt import _original
from greenrt._native.aside import duplicate_aside
from greenrt._typing import Any

__all__ = ["ADD", "DELETE", "MODIFY", "Poller"]

# EPOLL_CTL_* of <sys/epoll.h>; select.epoll has a method for each instead.
ADD = 1
DELETE = 2
MODIFY = 3


class Poller:
    """An epoll instance (epoll(7)); owner thread only, except `control`, which the kernel makes safe."""

    def __init__(self, capacity: int = 1024) -> None:
        self._epoll: Any = _original.epoll()
        moved = duplicate_aside(self._epoll.fileno())
        if moved >= 0:
            self._epoll.close()
            self._epoll = _original.epoll.fromfd(moved)
        self._capacity = capacity
        self._generations: dict[int, int] = {}
        self._batch: list[tuple[int, int]] = []
        self.fd = self._epoll.fileno()

    def control(self, operation: int, fd: int, events: int, generation: int) -> int:
        """Call epoll_ctl(2); return 0 or the errno. `generation` comes back with each event of this fd."""
        try:
            if operation == DELETE:
                self._generations.pop(fd, None)
                self._epoll.unregister(fd)
                return 0
            if operation == ADD:
                self._epoll.register(fd, events)
            else:
                self._epoll.modify(fd, events)
        except OSError as error:
            return error.errno or errno.EINVAL
        except ValueError:
            # A negative fd, or a closed epoll.
            return errno.EBADF
        self._generations[fd] = generation
        return 0

    def wait(self, timeout: float) -> int:
        """Wait for at most `timeout` seconds (negative: for ever); return how many events are in the batch."""
        # PEP 475: an interrupted poll runs the Python signal handlers and goes on waiting. The loop's wakeup
        # fd is in the set, so it ends all the same.
        limit = min(timeout, 86400.0) if timeout >= 0 else None
        # Patching replaces the method on the type.
        epoll = self._epoll
        try:
            self._batch = _original.epoll_poll(epoll, limit, self._capacity)
        except OSError:
            # A signal handler forked, and this is the child.
            if not epoll.closed:
                raise
            self._batch = []
        return len(self._batch)

    def close(self) -> None:
        """Close the epoll instance; idempotent."""
        self.fd = -1
        try:
            self._epoll.close()
        except OSError as error:
            # From CPython 3.15 on, if the program has closed the fd itself.
            if error.errno != errno.EBADF:
                raise

    def ready_fd(self, index: int) -> int:
        """Return the fd of event number `index` of the batch."""
        return self._batch[index][0]

    def ready_generation(self, index: int) -> int:
        """Return the generation that was given when that fd was registered."""
        return self._generations.get(self._batch[index][0], -1)

    def ready_events(self, index: int) -> int:
        """Return the epoll event mask of event number `index`."""
        return self._batch[index][1]
