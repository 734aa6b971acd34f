"""Pool: a group with a limit."""

from greenrt._arguments import as_integer, check_callable
from greenrt._original import Full
from greenrt._typing import Any
from greenrt.sync.group import Group
from greenrt.sync.semaphore import DummySemaphore, Semaphore

__all__ = ["Pool", "PoolFull"]


class PoolFull(Full):
    """There was no room in a Pool, or not in time."""


class Pool(Group):
    """A Group of at most `size` greenlets (None: no limit): `spawn` waits for room. gevent's class."""

    def __init__(self, size: int | None = None, greenlet_class: Any = None) -> None:
        if size is not None:
            size = as_integer(size, "size", 0)
        super().__init__()
        self.size = size
        if greenlet_class is not None:
            check_callable(greenlet_class, "greenlet_class")
            self.greenlet_class = greenlet_class
        self._room: Any = DummySemaphore() if size is None else Semaphore(size)

    def add(self, greenlet: Any, blocking: bool = True, timeout: float | None = None) -> None:
        """Take a greenlet in, after waiting for room; PoolFull if there is none, or none in `timeout` seconds."""
        if greenlet in self.greenlets:
            return
        if not self._room.acquire(blocking=blocking, timeout=timeout):
            raise PoolFull(f"{self!r} has no room")
        try:
            super().add(greenlet)
        except BaseException:
            self._room.release()
            raise

    def start(self, greenlet: Any, blocking: bool = True, timeout: float | None = None) -> None:
        """Take a greenlet in, as `add`, and start it."""
        self.add(greenlet, blocking, timeout)
        greenlet.start()

    def _discard(self, greenlet: Any) -> None:
        if greenlet in self.greenlets:
            super()._discard(greenlet)
            self._room.release()
        else:
            super()._discard(greenlet)

    def full(self) -> bool:
        """Tell whether there is no room."""
        return self.free_count() <= 0

    def free_count(self) -> int:
        """Return for how many more there is room; 1 if there is no limit."""
        return 1 if self.size is None else max(0, self.size - len(self))

    def wait_available(self, timeout: float | None = None) -> int:
        """Wait until there is room, or for `timeout` seconds; return for how many."""
        return int(self._room.wait(timeout=timeout))
