"""Channel: a queue without room, where putter and getter meet."""

from types import GenericAlias

from greenrt._hub import current_hub
from greenrt._hub.guarded import Guarded, WaitList
from greenrt._hub.park import TIMED_OUT, as_seconds, in_hub, new_park
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.sync.queue import Empty, Full

__all__ = ["Channel"]

GET = 1
PUT = 2

# Tells a getter to wait anew.
_AGAIN: Any = object()


class Channel(Guarded):
    """A rendezvous: `put` waits for a `get`, and `get` for a `put`. gevent's class of the same name.

    Any thread may use it. Waiters are served in the order of arrival.
    """

    __slots__ = ("getters", "putters")

    __class_getitem__: Any = classmethod(GenericAlias)

    def __init__(self, maxsize: int = 1) -> None:
        # gevent checks this, and uses it for nothing.
        if maxsize != 1:
            raise ValueError(f"maxsize must be 1, not {maxsize!r}; a Channel stores no items")
        # The waiters; never both. Read only.
        self.getters: WaitList = WaitList()
        self.putters: WaitList = WaitList()

    @property
    def balance(self) -> int:
        """How many putters wait; negative: how many getters."""
        return len(self.putters) - len(self.getters)

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
        """Give `item` to a getter, waiting for one for `timeout` seconds; `queue.Full` if none comes.

        Without `block` only to one that waits already.
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

    def put_nowait(self, item: Any) -> None:
        """Give `item` to a getter that waits; `queue.Full` if none does. Never switches."""
        self.put(item, False)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take an item from a putter, waiting for one for `timeout` seconds; `queue.Empty` if none comes.

        Without `block` only from one that waits already.
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

    def get_nowait(self) -> Any:
        """Take an item from a putter that waits; `queue.Empty` if none does. Never switches."""
        return self.get(False)

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        """Take the next item; the class StopIteration as an item ends the iteration."""
        item = self.get()
        if item is StopIteration:
            raise item
        return item

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} getters={len(self.getters)} putters={len(self.putters)}>"

    # -- With the gate held

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
                # All putters had been killed or had timed out, in threads of their own, and what is claimed has to
                # end.
                getter.finish(_AGAIN)
                return
            getter.finish(putter.outcome)
            putter.finish(True)

    def _give(self, item: Any) -> bool:
        """Give `item` to the getter that waits longest; return False if none waits."""
        while len(self.getters):
            getter: Any = self.getters.popleft()
            if getter.wake(item):
                return True
        return False

    def _claim_putter(self) -> Any:
        """Return the park of the putter that waits longest, claimed, so that it brings its item; or None."""
        while len(self.putters):
            putter: Any = self.putters.popleft()
            if putter.claim():
                return putter
        return None
