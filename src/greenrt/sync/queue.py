"""Queues between greenlets and threads, in gevent's and the standard library's interface."""

import queue as _stdlib
from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush
from queue import Empty, Full
from types import GenericAlias
from typing import Any

from greenrt._hub.guard import Guarded, WaitList
from greenrt._hub.latch import Latch
from greenrt._hub.park import TIMED_OUT, new_park

__all__ = ["Empty", "Full", "LifoQueue", "PriorityQueue", "Queue", "ShutDown", "SimpleQueue"]

GET = 1
PUT = 2
SERVE = 3
DONE = 4

# Where the standard library has it (3.13 and later), the same class.
if hasattr(_stdlib, "ShutDown"):
    ShutDown: Any = _stdlib.ShutDown
else:

    class ShutDown(Exception):  # type: ignore[no-redef]  # noqa: N818
        """Raised by `put`, and by `get` of an empty queue, after `shutdown`."""


# What a park brings along that only wants to look.
_PEEK: Any = object()


class SimpleQueue(Guarded):
    """An unlimited FIFO queue. Any thread may put and get, also from a finalizer or a signal handler.

    Who waits is served in the order of arrival. An item goes to one getter, which gets it even if it is killed at
    the same moment: the kill waits for its next blocking call.

    Subclasses may store items otherwise, by `_init`, `_put`, `_get` and `_qsize`, which run one at a time and must
    not block.
    """

    __slots__ = ("_getters", "_items", "_limit", "_putters", "_shut", "_tracking", "_unfinished")

    __class_getitem__ = classmethod(GenericAlias)

    def __init__(self) -> None:
        self._setup(0, ())

    def _setup(self, limit: int, items: Iterable[Any]) -> None:
        self._limit = limit
        self._getters = WaitList()
        self._putters = WaitList()
        self._shut = False
        self._unfinished = 0
        self._init(limit)
        for item in items:
            self._put(item)

    # -- How items are stored

    def _init(self, maxsize: int) -> None:
        self._items: Any = deque()

    def _qsize(self) -> int:
        return len(self._items)

    def _put(self, item: Any) -> None:
        self._items.append(item)

    def _get(self) -> Any:
        return self._items.popleft()

    def _peek(self) -> Any:
        return self._items[0]

    # -- Using it

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add `item`, waiting for room for `timeout` seconds (None: no limit), or not at all without `block`.

        `queue.Full` if there is none in time, `ShutDown` after `shutdown`.
        """
        if self._enter() or (not block and self._insist()):
            try:
                if self._accept(item):
                    return
            finally:
                self._finish()
        if not block:
            raise Full
        park = new_park(self)
        park.outcome = item
        if self._wait(PUT, park, timeout) is TIMED_OUT:
            raise Full

    def put_nowait(self, item: Any) -> None:
        """Add `item`; `queue.Full` if there is no room. Never switches."""
        self.put(item, False)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the next item, waiting for it for `timeout` seconds (None: no limit), or not at all without `block`.

        `queue.Empty` if there is none in time, `ShutDown` if there is none after `shutdown`.
        """
        return self._next(block, timeout, None)

    def get_nowait(self) -> Any:
        """Take the next item; `queue.Empty` if there is none. Never switches."""
        return self._next(False, None, None)

    def peek(self, block: bool = True, timeout: float | None = None) -> Any:
        """Like `get`, but leave the item in the queue."""
        return self._next(block, timeout, _PEEK)

    def peek_nowait(self) -> Any:
        """Return the next item without taking it; `queue.Empty` if there is none."""
        return self._next(False, None, _PEEK)

    def qsize(self) -> int:
        """Return how many items are in the queue."""
        return self._qsize()

    def empty(self) -> bool:
        """Tell whether there is no item."""
        return self._qsize() == 0

    def full(self) -> bool:
        """Tell whether there is no room."""
        return self._is_full()

    def __len__(self) -> int:
        return self._qsize()

    def __bool__(self) -> bool:
        # A queue is a thing, empty or not.
        return True

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        """Take the next item; the class StopIteration as an item ends the iteration."""
        item = self._next(True, None, None)
        if item is StopIteration:
            raise item
        return item

    def shutdown(self, immediate: bool = False) -> None:
        """Let no more be put in; `get` raises `ShutDown` once the queue is empty, or, `immediate`, at once.

        With `immediate` the items are dropped, and count as done.
        """
        dropped = []
        self._insist()
        try:
            self._shut = True
            if immediate:
                while self._qsize():
                    dropped.append(self._get())
                self._count_done(min(len(dropped), self._unfinished))
            self._serve()
        finally:
            self._finish()

    @property
    def is_shutdown(self) -> bool:
        """Whether `shutdown` was called."""
        return bool(self._shut)

    def __repr__(self) -> str:
        limit = f" maxsize={self._limit}" if self._limit else ""
        waiting = f" getters={self._getters.count} putters={self._putters.count}"
        shut = " shut down" if self._shut else ""
        return f"<{type(self).__name__} at {id(self):#x} size={self._qsize()}{limit}{waiting}{shut}>"

    # -- With the gate held

    def _is_full(self) -> bool:
        return self._limit > 0 and self._qsize() >= self._limit

    def _accept(self, item: Any) -> bool:
        """Store `item`, if there is room, and pass on what can be."""
        if self._shut:
            raise ShutDown
        if self._is_full():
            return False
        self._put(item)
        self._count_put()
        if self._getters.count:
            self._serve()
        return True

    def _next(self, block: bool, timeout: Any, purpose: Any) -> Any:
        if self._enter() or (not block and self._insist()):
            try:
                if self._qsize():
                    if purpose is _PEEK:
                        return self._peek()
                    item = self._get()
                    if self._putters.count:
                        self._serve()
                    return item
                if self._shut:
                    raise ShutDown
            finally:
                self._finish()
        if not block:
            raise Empty
        park = new_park(self)
        park.outcome = purpose
        item = self._wait(GET, park, timeout)
        if item is TIMED_OUT:
            raise Empty
        return item

    def _serve(self) -> None:
        """Give items to who waits for them, and room to who waits for that, for as long as there is both."""
        getters = self._getters
        putters = self._putters
        while True:
            if getters.count and self._qsize():
                park = getters.popleft()
                # Claimed first: an item that is taken for a waiter who is gone would be lost.
                if park.claim():
                    self._hand_out(park)
            elif putters.count and (self._shut or not self._is_full()):
                park = putters.popleft()
                if park.claim():
                    self._take_in(park)
            elif getters.count and self._shut:
                getters.popleft().fail(ShutDown())
            else:
                return

    def _hand_out(self, park: Any) -> None:
        try:
            item = self._peek() if park.outcome is _PEEK else self._get()
        except BaseException as error:
            # From a subclass's method.
            park.finish_failed(error)
        else:
            park.finish(item)

    def _take_in(self, park: Any) -> None:
        if self._shut:
            park.finish_failed(ShutDown())
            return
        try:
            self._put(park.outcome)
        except BaseException as error:
            # Two items that can't be compared.
            park.finish_failed(error)
        else:
            self._count_put()
            park.finish(True)

    def _count_put(self) -> None:
        self._unfinished += 1

    def _count_done(self, count: int) -> None:
        self._unfinished -= count

    def _apply(self, code: int, operand: Any) -> None:
        if code == GET:
            self._getters.append(operand)
            self._serve()
        elif code == PUT:
            self._putters.append(operand)
            self._serve()
        elif code == SERVE:
            self._serve()
        elif code == DONE:
            self._count_done(1)
        else:
            Guarded._apply(self, code, operand)


class Queue(SimpleQueue):
    """A FIFO queue of at most `maxsize` items (None, 0 and less: no limit), whose items can be reported done.

    The interface of the standard `queue.Queue`, and gevent's (`items`: what it holds at first).
    """

    __slots__ = ("_all_done",)

    def __init__(
        self, maxsize: int | None = None, items: Iterable[Any] = (), unfinished_tasks: int | None = None
    ) -> None:
        self._all_done = Latch(self)
        self._setup(max(maxsize or 0, 0), items)
        self._unfinished = self._qsize() if unfinished_tasks is None else unfinished_tasks
        if self._unfinished == 0:
            self._all_done.fire()

    @property
    def maxsize(self) -> int | None:
        """The most items it holds; None: no limit. Can be set."""
        return self._limit or None

    @maxsize.setter
    def maxsize(self, value: int | None) -> None:
        self._limit = max(value or 0, 0)
        self._submit(SERVE, None)

    @property
    def unfinished_tasks(self) -> int:
        """How many items were put in and not reported done."""
        return self._unfinished

    def task_done(self) -> None:
        """Report one item done that was taken. ValueError if more are reported than were put in."""
        if self._unfinished <= 0:
            raise ValueError("task_done() called too many times")
        self._submit(DONE, None)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until every item was reported done, or for `timeout` seconds; tell whether that is so."""
        return bool(self._all_done.wait_set(timeout))

    def copy(self) -> "Queue":
        """Return a queue of the same kind with the same items."""
        made = type(self)(self._limit, (), self._unfinished)
        made._items = self._items.copy()
        return made

    def _count_put(self) -> None:
        self._unfinished += 1
        if self._unfinished == 1:
            self._all_done.reset()

    def _count_done(self, count: int) -> None:
        self._unfinished -= count
        if self._unfinished == 0:
            self._all_done.fire()


class LifoQueue(Queue):
    """A Queue that gives out the latest item first."""

    __slots__ = ()

    def _init(self, maxsize: int) -> None:
        self._items = []

    def _get(self) -> Any:
        return self._items.pop()

    def _peek(self) -> Any:
        return self._items[-1]


class PriorityQueue(Queue):
    """A Queue that gives out the least item first."""

    __slots__ = ()

    def _init(self, maxsize: int) -> None:
        self._items = []

    def _put(self, item: Any) -> None:
        heappush(self._items, item)

    def _get(self) -> Any:
        return heappop(self._items)
