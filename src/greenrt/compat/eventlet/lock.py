"""eventlet.lock: a lock that counts, for code that expects the interface of `_thread.lock`."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from .semaphore import Semaphore

__all__ = ["Lock"]


class Lock(Semaphore):
    """A semaphore of one unit, whose `release` raises RuntimeError if the lock is free."""

    def release(self, blocking: bool = True) -> bool:
        """Free the lock; return True. Raises RuntimeError if it is free already."""
        if self.counter > 0:
            raise RuntimeError("release unlocked lock")
        return super().release(blocking)

    def _at_fork_reinit(self) -> Any:
        self.__init__()  # type: ignore[misc]


__getattr__: Callable[[str], Any] = missing_names(__name__)
