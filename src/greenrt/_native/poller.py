"""An epoll instance: registration that returns an errno, and a wait that fills a batch (plain twin: select.epoll)."""

import errno

from greenrt import _original
from greenrt._native.gil import GilTurns
from greenrt._native.high_fds import duplicate_high
from greenrt._typing import Any

__all__ = ["ADD", "DELETE", "MODIFY", "Poller"]

# EPOLL_CTL_* of <sys/epoll.h>. select.epoll has a method for each instead.
ADD = 1
DELETE = 2
MODIFY = 3


class Poller:
    """An epoll instance (epoll(7)). Owner thread only, except `control`, which is thread-safe in the kernel.

    capacity: how many events a batch can hold. `fd` is the descriptor of the instance; -1 once it is closed.
    """

    def __init__(self, capacity: int = 1024) -> None:
        self._epoll: Any = _original.epoll()
        moved = duplicate_high(self._epoll.fileno())
        if moved >= 0:
            self._epoll.close()
            self._epoll = _original.epoll.fromfd(moved)
        self._capacity = capacity
        self._gil_turns = GilTurns()
        self._generations: dict[int, int] = {}
        self._batch: list[tuple[int, int]] = []
        self.fd = self._epoll.fileno()

    def control(self, operation: int, fd: int, events: int, generation: int) -> int:
        """Call epoll_ctl(2); return 0 or the errno. Each event of this fd carries `generation`."""
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
        """Wait for at most `timeout` seconds (negative: forever); return how many events are in the batch."""
        # Before the poll: a signal handler that raises during the turn must not lose one-shot events.
        self._gil_turns.give(timeout)
        # PEP 475: an interrupted poll runs the Python signal handlers and continues to wait. It ends all the same,
        # since the loop's wakeup fd is registered.
        limit = min(timeout, 86400.0) if timeout >= 0 else None
        # Not the method: patching replaces it on the type.
        epoll = self._epoll
        try:
            self._batch = _original.epoll_poll(epoll, limit, self._capacity)
        except OSError:
            # If a signal handler forked, this is the child, where the fork hooks have closed the instance.
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
            # CPython 3.15 and newer raise this if the program has closed the fd itself.
            if error.errno != errno.EBADF:
                raise

    def ready_fd(self, index: int) -> int:
        """Return the fd of event number `index` of the batch."""
        return self._batch[index][0]

    def ready_generation(self, index: int) -> int:
        """Return the generation with which the fd of event number `index` was registered."""
        return self._generations.get(self._batch[index][0], -1)

    def ready_events(self, index: int) -> int:
        """Return the epoll event mask of event number `index`."""
        return self._batch[index][1]
