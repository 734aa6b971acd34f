"""eventlet.semaphore: semaphores without and with bounds."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from ._waiters import TIMED_OUT, Waiters

__all__ = ["BoundedSemaphore", "CappedSemaphore", "Semaphore"]


class Semaphore:
    """A counter of free units; `acquire` waits for one. A unit that is released goes to the first waiter.

    Argument: `value`, the number of free units. Raises TypeError if it is not a number, ValueError if negative.
    Attribute: `counter`, the number of free units.
    """

    def __init__(self, value: Any = 1) -> None:
        try:
            count = int(value)
        except ValueError as error:
            raise TypeError(f"{type(self).__name__} needs a number, not {value!r}") from error
        if count < 0:
            raise ValueError(f"{type(self).__name__} needs a number of 0 or more, not {value!r}")
        self.counter: int = count
        self._waiters = Waiters()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} c={self.counter} _w[{len(self._waiters)}]>"

    def __str__(self) -> str:
        return f"<{type(self).__name__} c={self.counter} _w[{len(self._waiters)}]>"

    def locked(self) -> bool:
        """Return whether `acquire` would wait."""
        return self.counter <= 0

    def bounded(self) -> bool:
        """Return False: `release` never waits."""
        return False

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take a unit; return whether that succeeded.

        Waits for `timeout` seconds at most (None and -1: no limit), and not at all if `blocking` is false. Raises
        ValueError for other negative timeouts, and for a timeout without blocking.
        """
        if timeout == -1:
            timeout = None
        if timeout is not None and timeout < 0:
            raise ValueError("timeout value must be strictly positive")
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        if self.counter > 0:
            self.counter -= 1
            return True
        return blocking and self._waiters.wait(self, timeout) is not TIMED_OUT

    def __enter__(self) -> None:
        self.acquire()

    def release(self, blocking: bool = True) -> bool:
        """Give a unit back; return True. `blocking` has no effect."""
        self.counter += 1
        while self.counter > 0 and self._waiters:
            self.counter -= 1
            if not self._waiters.hand_over(True):
                self.counter += 1
        return True

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    @property
    def balance(self) -> int:
        """The number of free units; if negative, the number of waiters."""
        return self.counter - len(self._waiters)


class BoundedSemaphore(Semaphore):
    """A semaphore whose `release` raises ValueError if it was released more often than acquired."""

    def __init__(self, value: Any = 1) -> None:
        super().__init__(value)
        self.original_counter: int = value

    def release(self, blocking: bool = True) -> bool:
        """Give a unit back; return True. Raises ValueError if all units are free."""
        if self.counter >= self.original_counter:
            raise ValueError("Semaphore released too many times")
        return super().release(blocking)


class CappedSemaphore:
    """A semaphore whose `release` waits while `limit` units are free.

    Arguments: `count`, the number of free units, and `limit`. Raises ValueError if `count` is negative or exceeds
    `limit`.
    """

    def __init__(self, count: int, limit: int) -> None:
        if count < 0:
            raise ValueError(f"CappedSemaphore must be initialized with a positive number, got {count}")
        if count > limit:
            raise ValueError("'count' cannot be more than 'limit'")
        self.lower_bound: Semaphore = Semaphore(count)
        self.upper_bound: Semaphore = Semaphore(limit - count)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} b={self.balance} l={self.lower_bound} u={self.upper_bound}>"

    def __str__(self) -> str:
        return f"<{type(self).__name__} b={self.balance} l={self.lower_bound} u={self.upper_bound}>"

    def locked(self) -> bool:
        """Return whether `acquire` would wait."""
        return self.lower_bound.locked()

    def bounded(self) -> bool:
        """Return whether `release` would wait."""
        return self.upper_bound.locked()

    def acquire(self, blocking: bool = True) -> bool:
        """Take a unit; return whether that succeeded. Waits for one if `blocking` is true."""
        return self._move(self.upper_bound, self.lower_bound, blocking)

    def release(self, blocking: bool = True) -> bool:
        """Give a unit back; return whether that succeeded. Waits below the limit if `blocking` is true."""
        return self._move(self.lower_bound, self.upper_bound, blocking)

    @staticmethod
    def _move(given: Semaphore, taken: Semaphore, blocking: bool) -> bool:
        if not blocking and taken.locked():
            return False
        given.release()
        try:
            return taken.acquire()
        except BaseException:
            # The unit may be in use already; then the counter is negative until it comes back.
            given.counter -= 1
            raise

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    @property
    def balance(self) -> int:
        """The number of `acquire` calls that would not wait; if negative, of `release` calls."""
        return self.lower_bound.balance - self.upper_bound.balance


__getattr__: Callable[[str], Any] = missing_names(__name__)
