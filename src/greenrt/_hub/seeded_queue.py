"""A run queue with a random order, for tests: the environment variable ``GREENRT_SEED`` is the seed.

Woken greenlets run in a random order, because greenrt does not promise the order of unrelated wakes. greenrt does
promise the order in which greenlets start and callbacks run, so that order stays.
"""

import os
from random import Random

from greenrt._hub.park import Park, set_run_queue
from greenrt._loop.loop import Loop
from greenrt._native.ring import Ring
from greenrt._native.switch import Fiber, is_active
from greenrt._typing import Any

__all__ = ["SeededRing", "seed_run_queue"]


class SeededRing(Ring):
    """A run queue in which a new entry may change places with a queued entry, if both are wakes.

    Argument: `seed`, the text that determines the order.
    """

    def __init__(self, seed: str) -> None:
        self._dice = Random(seed)
        self._items: list[Any] = []

    def __len__(self) -> int:
        return len(self._items)

    def append(self, item: Any) -> None:
        """Add `item` at the end, or in the place of a random item, which then moves to the end.

        The first item stays: a signal handler may call this between a `peek` and its `popleft`.
        """
        items = self._items
        place = 1 + int(self._dice.random() * len(items))
        other = items[place] if place < len(items) else None
        swap = _is_wake(item) and _is_wake(other)
        # A signal handler that ran during one of the calls above may have changed the list. From here on, no call is
        # made before the exchange is done.
        if swap and items[place : place + 1] == [other]:
            items[place] = item
            item = other
        items.append(item)

    def appendleft(self, item: Any) -> None:
        """Add `item` before the first item."""
        self._items.insert(0, item)

    def popleft(self) -> Any:
        """Remove and return the first item; raise IndexError if the queue is empty."""
        return self._items.pop(0)

    def peek(self) -> Any:
        """Return the first item without removing it, or None if the queue is empty."""
        return self._items[0] if self._items else None

    def clear(self) -> None:
        """Drop all items."""
        self._items = []


def _is_wake(item: Any) -> bool:
    return isinstance(item, Park) or (isinstance(item, Fiber) and is_active(item))


def seed_run_queue(loop: Loop) -> None:
    """Replace the run queue of `loop`, a new loop, by a SeededRing if ``GREENRT_SEED`` is set."""
    seed = os.environ.get("GREENRT_SEED")
    if seed:
        set_run_queue(loop, SeededRing(seed))
