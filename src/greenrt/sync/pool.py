"""Pool: a group with a limited number of greenlets."""

from collections.abc import Callable

from greenlet import greenlet as raw_greenlet

from greenrt._arguments import as_integer, check_callable
from greenrt._hub.greenlet import Greenlet
from greenrt._original import Full
from greenrt._typing import Any, SupportsFloat
from greenrt.sync.group import Group
from greenrt.sync.semaphore import DummySemaphore, Semaphore

__all__ = ["Pool", "PoolFull"]


class PoolFull(Full):
    """Raised by `Pool.add` and `Pool.start` if the pool is full, or is still full after the timeout."""


class Pool(Group):
    """A Group of at most `size` greenlets; `spawn` parks while the pool is full. gevent's class of the same name.

    Arguments: `size`, the largest number of greenlets (0 or more; None: no limit); `greenlet_class`, the class or
    callable that `spawn` makes greenlets with (default: Greenlet). Raises TypeError or ValueError for other values.
    Attributes: `size`, and those of Group.
    """

    def __init__(
        self, size: int | None = None, greenlet_class: Callable[..., Greenlet] | None = None
    ) -> None:
        if size is not None:
            size = as_integer(size, "size", 0)
        super().__init__()
        self.size = size
        if greenlet_class is not None:
            check_callable(greenlet_class, "greenlet_class")
            self.greenlet_class = greenlet_class
        self._room: Any = DummySemaphore() if size is None else Semaphore(size)

    def add(
        self, greenlet: raw_greenlet, blocking: bool = True, timeout: SupportsFloat | None = None
    ) -> None:
        """Add a greenlet; park while the pool is full. No-op for a member.

        Park for at most `timeout` seconds (None: no limit); never park if `blocking` is false. Raises PoolFull if the
        pool has no room in time.
        """
        if greenlet in self.greenlets:
            return
        if not self._room.acquire(blocking=blocking, timeout=timeout):
            raise PoolFull(f"{self!r} has no room")
        try:
            super().add(greenlet)
        except BaseException:
            self._room.release()
            raise

    def start(self, greenlet: Greenlet, blocking: bool = True, timeout: SupportsFloat | None = None) -> None:
        """Add a greenlet as `add` does, and start it."""
        self.add(greenlet, blocking, timeout)
        greenlet.start()

    def _discard(self, greenlet: Any) -> None:
        if greenlet in self.greenlets:
            super()._discard(greenlet)
            self._room.release()
        else:
            super()._discard(greenlet)

    def full(self) -> bool:
        """Return whether the pool is full."""
        return self.free_count() <= 0

    def free_count(self) -> int:
        """Return the number of greenlets that can be added now; 1 if there is no limit."""
        return 1 if self.size is None else max(0, self.size - len(self))

    def wait_available(self, timeout: SupportsFloat | None = None) -> int:
        """Park until there is room, or for `timeout` seconds (None: no limit); return the number of free places."""
        return int(self._room.wait(timeout=timeout))
