"""A FIFO of objects: the storage of the run queue (plain twin)."""

from collections import deque

from greenrt._typing import Any

__all__ = ["Ring"]


class Ring(deque[Any]):
    """A first-in first-out queue; owner thread only."""

    __slots__ = ()

    def peek(self) -> Any:
        """Return the first item without removing it, or None when there is none."""
        return self[0] if self else None
