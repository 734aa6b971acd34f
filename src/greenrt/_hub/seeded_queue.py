"""A run queue whose order is an input: for tests, when ``GREENRT_SEED`` is set.

Greenlets that were woken run in a random order, since the order of unrelated wakes is not promised. The
order in which greenlets start and callbacks run is promised, and stays.
"""

import os
from random import Random

from greenrt._hub.park import Park
from greenrt._loop.loop import Loop
from greenrt._native.ring import Ring
from greenrt._native.switch import Fiber, is_active
from greenrt._typing import Any

__all__ = ["SeededRing", "seed_run_queue"]


class SeededRing(Ring):
    """A run queue in which what is added may change places with what is queued, if both are wakes."""

    def __init__(self, seed: str) -> None:
        self._dice = Random(seed)
        self._items: list[Any] = []

    def __len__(self) -> int:
        return len(self._items)

    def append(self, item: Any) -> None:
        """Add `item` at the end, or in the place of a random one, which then goes to the end.

        The first stays: a signal handler may call this between a `peek` and its `popleft`.
        """
        items = self._items
        place = 1 + int(self._dice.random() * len(items))
        other = items[place] if place < len(items) else None
        swap = _is_wake(item) and _is_wake(other)
        # A signal handler that came in a call so far may have changed the list. From here on nothing is called
        # before the exchange is done.
        if swap and items[place : place + 1] == [other]:
            items[place] = item
            item = other
        items.append(item)

    def appendleft(self, item: Any) -> None:
        """Add `item` before the first one."""
        self._items.insert(0, item)

    def popleft(self) -> Any:
        """Remove and return the first item; raise IndexError when there is none."""
        return self._items.pop(0)

    def peek(self) -> Any:
        """Return the first item without removing it, or None when there is none."""
        return self._items[0] if self._items else None

    def clear(self) -> None:
        """Drop all items."""
        self._items = []


def _is_wake(item: Any) -> bool:
    return isinstance(item, Park) or (isinstance(item, Fiber) and is_active(item))


def seed_run_queue(loop: Loop) -> None:
    """Give `loop`, which is new, a SeededRing if ``GREENRT_SEED`` is set."""
    seed = os.environ.get("GREENRT_SEED")
    if seed:
        loop.ready = SeededRing(seed)
