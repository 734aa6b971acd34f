"""Channel: a queue without room, where putter and getter meet."""

from queue import Empty, Full
from types import GenericAlias
from typing import Any

from greenrt._hub.guard import Guarded, WaitList
from greenrt._hub.park import TIMED_OUT, new_park

__all__ = ["Channel"]

GET = 1
PUT = 2

# Tells a putter to wait anew.
_AGAIN: Any = object()


class Channel(Guarded):
    """A rendezvous: `put` waits for a `get`, and `get` for a `put`. gevent's class of the same name; any thread."""

    __slots__ = ("_getters", "_putters")

    __class_getitem__ = classmethod(GenericAlias)

    def __init__(self, maxsize: int = 1) -> None:
        # gevent checks this, and uses it for nothing.
        if maxsize != 1:
            raise ValueError(f"a Channel has no size; maxsize must be 1, not {maxsize!r}")
        self._getters = WaitList()
        self._putters = WaitList()

    @property
    def balance(self) -> int:
        """How many putters wait; negative: how many getters."""
        return len(self._putters) - len(self._getters)

    def qsize(self) -> int:
        """Return 0."""
        return 0

    def empty(self) -> bool:
        """Return True: nothing stays in a channel."""
        return True

    def full(self) -> bool:
        """Return True: nothing stays in a channel."""
        return True

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Give `item` to a getter, waiting for one for `timeout` seconds; `queue.Full` if none comes."""
        if self._enter() or (not block and self._insist()):
            try:
                while len(self._getters):
                    getter = self._getters.popleft()
                    if getter is not None and getter.wake(item):
                        return
            finally:
                self._finish()
        if not block:
            raise Full
        outcome = _AGAIN
        while outcome is _AGAIN:
            park = new_park(self)
            park.outcome = item
            outcome = self._wait(PUT, park, timeout)
        if outcome is TIMED_OUT:
            raise Full

    def put_nowait(self, item: Any) -> None:
        """Give `item` to a getter that waits; `queue.Full` if none does."""
        self.put(item, False)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take an item from a putter, waiting for one for `timeout` seconds; `queue.Empty` if none comes."""
        if self._enter() or (not block and self._insist()):
            try:
                while len(self._putters):
                    putter = self._putters.popleft()
                    if putter is not None and putter.claim():
                        item = putter.outcome
                        putter.finish(True)
                        return item
            finally:
                self._finish()
        if not block:
            raise Empty
        item = self._wait(GET, new_park(self), timeout)
        if item is TIMED_OUT:
            raise Empty
        return item

    def get_nowait(self) -> Any:
        """Take an item from a putter that waits; `queue.Empty` if none does."""
        return self.get(False)

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        """Take the next item; the class StopIteration as an item ends the iteration."""
        item = self.get()
        if item is StopIteration:
            raise item
        return item

    def _apply(self, code: int, operand: Any) -> None:
        if code in (GET, PUT):
            (self._getters if code == GET else self._putters).append(operand)
            self._match()
        else:
            Guarded._apply(self, code, operand)

    def _match(self) -> None:
        while len(self._getters) and len(self._putters):
            putter = self._putters.popleft()
            if putter is None or not putter.claim():
                continue
            item = putter.outcome
            given = False
            while not given and len(self._getters):
                getter = self._getters.popleft()
                given = getter is not None and getter.wake(item)
            # All getters may have been gone, and what is claimed can't wait on.
            putter.finish(True if given else _AGAIN)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} balance={self.balance}>"
