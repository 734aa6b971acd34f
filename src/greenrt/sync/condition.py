"""Condition with the interface of `threading.Condition`, for greenlets and threads."""

from collections.abc import Callable

from greenrt._arguments import as_integer, check_callable
from greenrt._hub.guarded import WaitList
from greenrt._hub.park import TIMED_OUT, as_seconds, new_park
from greenrt._native.thread import monotonic
from greenrt._typing import Any, SupportsFloat, TypeVar
from greenrt.sync.lock import RLock

__all__ = ["Condition"]


T = TypeVar("T")


class Condition:
    """A condition variable: a waiter releases the lock and parks until a holder of the lock notifies it.

    The interface of `threading.Condition`. Any thread may use it. Waiters are notified in the order of their arrival.
    When `wait` ends, by an error too, the caller holds the lock again. An error that is thrown into a greenlet while
    it takes the lock back is raised at its next wait. A notification passes over a waiter that an error is waking up
    at the same moment, and wakes another.

    Argument: `lock`, a Lock or RLock of greenrt or a compatible lock; a new RLock by default. Raises TypeError if it
    has no `acquire` and `release`. Attributes: `acquire` and `release`, the methods of the lock.
    """

    def __init__(self, lock: Any = None) -> None:
        self._lock = lock = RLock() if lock is None else lock
        if not callable(getattr(lock, "acquire", None)) or not callable(getattr(lock, "release", None)):
            raise TypeError(f"lock must have the methods acquire() and release(); {lock!r} has not")
        self.acquire: Callable[..., bool] = lock.acquire
        self.release: Callable[[], None] = lock.release
        # Only the holder of the lock changes this list.
        self._waiters = WaitList()

    def __enter__(self) -> bool:
        entered: bool = self._lock.__enter__()
        return entered

    def __exit__(self, *exc_info: object) -> None:
        self._lock.__exit__(*exc_info)

    def _is_owned(self) -> bool:
        owned = getattr(self._lock, "_is_owned", None)
        if owned is not None:
            return bool(owned())
        if self._lock.acquire(False):
            self._lock.release()
            return False
        return True

    def _release_save(self) -> Any:
        save = getattr(self._lock, "_release_save", self._lock.release)
        return save()

    def _acquire_restore(self, state: Any) -> None:
        restore = getattr(self._lock, "_acquire_restore", None)
        if restore is not None:
            restore(state)
        else:
            self._lock.acquire()

    def wait(self, timeout: SupportsFloat | None = None) -> bool:
        """Release the lock, park until notified, and take the lock back.

        Return True, or False after `timeout` seconds (None: no limit). Raises RuntimeError if the caller does not
        hold the lock.
        """
        if not self._is_owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        park = new_park(self)
        self._waiters.append(park)
        state = self._release_save()
        try:
            return park.wait(timeout) is not TIMED_OUT
        finally:
            self._acquire_restore(state)
            # This is a no-op if the waiter was notified.
            self._waiters.remove(park)

    def wait_for(self, predicate: Callable[[], T], timeout: SupportsFloat | None = None) -> T:
        """Wait until ``predicate()`` is true, or for `timeout` seconds (None: no limit); return its last result.

        Raises TypeError if `predicate` is not callable, and RuntimeError if it must wait without holding the lock.
        """
        check_callable(predicate, "predicate")
        deadline = None if timeout is None else monotonic() + as_seconds(timeout)
        result = predicate()
        while not result:
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        """Wake up to `n` waiters, in order. Raises RuntimeError if the caller does not hold the lock."""
        if not self._is_owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        n = as_integer(n, "n")
        while n > 0:
            park = self._waiters.popleft()
            if park is None:
                break
            # A waiter that has timed out or was killed does not count.
            if park.wake(True):
                n -= 1

    def notify_all(self) -> None:
        """Wake all waiters. Raises RuntimeError if the caller does not hold the lock."""
        self.notify(len(self._waiters))

    notifyAll = notify_all

    def _at_fork_reinit(self) -> None:
        # `threading` calls this in the child of a fork.
        self._lock._at_fork_reinit()
        self._waiters = WaitList()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} {self._lock!r} waiting={len(self._waiters)}>"
