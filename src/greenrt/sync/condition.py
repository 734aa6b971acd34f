"""Condition: threading's, for greenlets and threads alike."""

from collections import deque
from collections.abc import Callable
from typing import Any

from greenrt._hub.park import TIMED_OUT, Park, new_park
from greenrt._native.thread import monotonic
from greenrt.sync.lock import RLock

__all__ = ["Condition"]


class Condition:
    """Wait, with a lock given up meanwhile, until someone who holds it notifies. threading.Condition's interface.

    `lock`: a Lock or RLock, of greenrt or compatible; a new RLock unless given. Who waits is notified in the order
    of arrival.
    """

    def __init__(self, lock: Any = None) -> None:
        self._lock = RLock() if lock is None else lock
        self.acquire = self._lock.acquire
        self.release = self._lock.release
        # Changed only by who holds the lock.
        self._waiters: deque[Park] = deque()

    def __enter__(self) -> Any:
        return self._lock.__enter__()

    def __exit__(self, *exc_info: object) -> None:
        self._lock.__exit__(*exc_info)

    def _owned(self) -> bool:
        owned = getattr(self._lock, "_is_owned", None)
        if owned is not None:
            return bool(owned())
        if self._lock.acquire(False):
            self._lock.release()
            return False
        return True

    def _give_up(self) -> Any:
        save = getattr(self._lock, "_release_save", None)
        return save() if save is not None else self._lock.release()

    def _take_back(self, state: Any) -> None:
        restore = getattr(self._lock, "_acquire_restore", None)
        if restore is not None:
            restore(state)
        else:
            self._lock.acquire()

    def wait(self, timeout: float | None = None) -> bool:
        """Give the lock up, wait to be notified, or for `timeout` seconds, and take it back; tell which it was.

        RuntimeError if the caller doesn't hold the lock.
        """
        if not self._owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        park = new_park(self)
        self._waiters.append(park)
        state = self._give_up()
        notified = False
        try:
            notified = park.wait(timeout) is not TIMED_OUT
        finally:
            self._take_back(state)
            if not notified and park in self._waiters:
                self._waiters.remove(park)
        return notified

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        """Wait until `predicate()` is true, or for `timeout` seconds; return what it returned last."""
        deadline = None if timeout is None else monotonic() + timeout
        result = predicate()
        while not result:
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        """Wake `n` of those who wait. RuntimeError if the caller doesn't hold the lock."""
        if not self._owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        while n > 0 and self._waiters:
            # Who has timed out meanwhile doesn't count.
            if self._waiters.popleft().wake(True):
                n -= 1

    def notify_all(self) -> None:
        """Wake all who wait. RuntimeError if the caller doesn't hold the lock."""
        self.notify(len(self._waiters))

    notifyAll = notify_all

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} {self._lock!r} waiting={len(self._waiters)}>"
