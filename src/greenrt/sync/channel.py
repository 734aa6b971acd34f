"""Channel: a queue that stores no items; a putter hands its item to a getter directly."""

from greenrt._hub import current_hub
from greenrt._hub.guarded import Guarded, WaitList
from greenrt._hub.park import TIMED_OUT, as_seconds, in_hub, new_park
from greenrt._native.thread import monotonic
from greenrt._typing import Any, Generic, Self, SupportsFloat, TypeVar
from greenrt.sync.queue import Empty, Full

__all__ = ["Channel"]

GET = 1
PUT = 2

T = TypeVar("T")

# The outcome that makes a getter wait again.
_AGAIN: Any = object()


class Channel(Guarded, Generic[T]):
    """A rendezvous: `put` parks until a `get` takes the item, and `get` until a `put` brings one.

    gevent's class of the same name. Any thread may use it. Waiters are served in the order of their arrival.

    Argument: `maxsize`, which must be 1 (ValueError), as in gevent. Attributes: `balance`; `getters` and `putters`,
    the lists of waiters, which are read-only.
    """

    __slots__ = ("getters", "putters")

    def __init__(self, maxsize: int = 1) -> None:
        # gevent checks this argument too, and does not use it.
        if maxsize != 1:
            raise ValueError(f"maxsize must be 1, not {maxsize!r}; a Channel stores no items")
        # The waiters; at most one of the lists has any. Users may only read them.
        self.getters: WaitList = WaitList()
        self.putters: WaitList = WaitList()

    @property
    def balance(self) -> int:
        """The number of waiting putters, or minus the number of waiting getters."""
        return len(self.putters) - len(self.getters)

    def qsize(self) -> int:
        """Return 0: a channel stores no items."""
        return 0

    def empty(self) -> bool:
        """Return True: a channel stores no items."""
        return True

    def full(self) -> bool:
        """Return True: a channel stores no items."""
        return True

    def put(self, item: T, block: bool = True, timeout: SupportsFloat | None = None) -> None:
        """Hand `item` to a getter; park until there is one.

        Park for at most `timeout` seconds (None: no limit). If `block` is false, never park: only a waiting getter
        gets the item. Raises `queue.Full` if no getter takes the item in time.
        """
        if self._enter() or ((not block or in_hub()) and self._insist()):
            try:
                if self._give(item):
                    return
            finally:
                self._finish()
        if not block:
            raise Full
        park = new_park(self)
        park.outcome = item
        if self._wait(PUT, park, timeout) is TIMED_OUT:
            raise current_hub.expired(timeout, Full)

    def put_nowait(self, item: T) -> None:
        """Hand `item` to a waiting getter. Raises `queue.Full` if no getter waits. Never switches."""
        self.put(item, False)

    def get(self, block: bool = True, timeout: SupportsFloat | None = None) -> T:
        """Take an item from a putter and return it; park until there is one.

        Park for at most `timeout` seconds (None: no limit). If `block` is false, never park: only a waiting putter is
        served. Raises `queue.Empty` if no item arrives in time.
        """
        if self._enter() or ((not block or in_hub()) and self._insist()):
            try:
                putter = self._claim_putter()
                if putter is not None:
                    item = putter.outcome
                    putter.finish(True)
                    return item
            finally:
                self._finish()
        if not block:
            raise Empty
        given = timeout
        deadline = None if timeout is None else monotonic() + as_seconds(timeout)
        while True:
            item = self._wait(GET, new_park(self), timeout)
            if item is TIMED_OUT:
                raise current_hub.expired(given, Empty)
            if item is not _AGAIN:
                return item
            if deadline is not None:
                timeout = max(deadline - monotonic(), 0.0)

    def get_nowait(self) -> T:
        """Take an item from a waiting putter. Raises `queue.Empty` if no putter waits. Never switches."""
        return self.get(False)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        """Take the next item. An item that is the class StopIteration ends the iteration."""
        item = self.get()
        if item is StopIteration:
            raise item
        return item

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} getters={len(self.getters)} putters={len(self.putters)}>"

    # -- The caller holds the internal lock

    def _apply(self, code: int, operand: Any) -> None:
        if code == GET:
            self.getters.append(operand)
            self._match()
        elif code == PUT:
            self.putters.append(operand)
            self._match()
        else:
            Guarded._apply(self, code, operand)

    def _match(self) -> None:
        while len(self.getters) and len(self.putters):
            getter: Any = self.getters.popleft()
            if not getter.claim():
                continue
            putter = self._claim_putter()
            if putter is None:
                # All putters were killed or timed out in threads of their own. The getter is claimed, so its wait
                # must end.
                getter.finish(_AGAIN)
                return
            getter.finish(putter.outcome)
            putter.finish(True)

    def _give(self, item: Any) -> bool:
        """Hand `item` to the getter that has waited longest; return False if no getter waits."""
        while len(self.getters):
            getter: Any = self.getters.popleft()
            if getter.wake(item):
                return True
        return False

    def _claim_putter(self) -> Any:
        """Claim and return the park of the putter that has waited longest, with its item; None if no putter waits."""
        while len(self.putters):
            putter: Any = self.putters.popleft()
            if putter.claim():
                return putter
        return None
