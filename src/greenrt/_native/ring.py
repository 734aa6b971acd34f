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
