"""A FIFO of objects: the storage of the run queue (plain twin)."""

from collections import deque

from greenrt._typing import Any

__all__ = ["Ring"]


class Ring(deque[Any]):
    """A first-in first-out queue. Owner thread only."""

    __slots__ = ()

    def peek(self) -> Any:
        """Return the first item without removing it; None if the queue is empty."""
        return self[0] if self else None

    def drop(self, item: Any) -> None:
        """Remove `item` if it is the first one."""
        # A signal handler may change the queue before the test, but not between the test and the removal.
        if self and self[0] is item:
            self.popleft()
