"""Queues between greenlets and threads, in gevent's and the standard library's interface."""

import sys
from collections import deque
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from types import GenericAlias, SimpleNamespace

from greenrt import _original
from greenrt._arguments import as_integer, check_iterable
from greenrt._hub import current_hub
from greenrt._hub.guarded import Guarded, WaitList
from greenrt._hub.park import TIMED_OUT, as_seconds, in_hub, new_park
from greenrt._typing import Any

__all__ = [
    "Empty",
    "Full",
    "JoinableQueue",
    "LifoQueue",
    "PriorityQueue",
    "Queue",
    "ShutDown",
    "SimpleQueue",
]

GET = 1
PUT = 2
ADD = 3
SERVE = 4
JOIN = 5
DONE = 6
SHUT = 7

Empty = _original.Empty
Full = _original.Full

# Where the standard library has it (3.13 and later), the same class.
if _original.ShutDown is not None:
    ShutDown: Any = _original.ShutDown
else:

    class ShutDown(Exception):  # type: ignore[no-redef]
        """Raised by `put`, and by `get` of an empty queue, after `shutdown`."""


# What a park brings along that only wants to look.
_PEEK: Any = object()


def _check(timeout: Any) -> None:
    if as_seconds(timeout) < 0.0:
        raise ValueError(f"'timeout' must be a non-negative number, not {timeout!r}")


def _limit_of(maxsize: Any) -> int:
    return 0 if maxsize is None else max(as_integer(maxsize, "maxsize"), 0)


class SimpleQueue(Guarded):
    """A FIFO queue of at most `maxsize` items (None, 0 and less: no limit) that holds `items` at first.

    gevent's class of the same name, and the standard library's. Any thread may use it, also from a finalizer or a
    signal handler. Waiters are served in the order of arrival: an item goes to the getter that waits longest at
    the moment it is put, and that one gets it even if it is killed at the same moment (the kill waits for its next
    blocking call). `len` is the number of items, but a queue is always true.

    Subclasses may store items otherwise, by overriding `_init`, `_qsize`, `_put`, `_get` and `_peek`, which run one
    at a time and must not block; the default ones keep them in `queue`.
    """

    __slots__ = ("_joiners", "_limit", "_unfinished", "getters", "is_shutdown", "putters", "queue")

    __class_getitem__: Any = classmethod(GenericAlias)

    def __init__(self, maxsize: int | None = None, items: Iterable[Any] = ()) -> None:
        self._set_up(maxsize, items)

    def _set_up(self, maxsize: int | None, items: Iterable[Any]) -> None:
        self._limit = _limit_of(maxsize)
        # The waiters; read only.
        self.getters: WaitList = WaitList()
        self.putters: WaitList = WaitList()
        self._joiners = WaitList()
        self.is_shutdown: bool = False
        self._unfinished = 0
        if items:
            self._init(maxsize, check_iterable(items, "items"))
        else:
            # As the standard library calls it: its subclasses know no items.
            self._init(maxsize)

    # -- How items are stored

    def _init(self, maxsize: int | None, items: Iterable[Any] = ()) -> None:
        self.queue: Any = deque(items)

    def _qsize(self) -> int:
        return len(self.queue)

    def _put(self, item: Any) -> None:
        self.queue.append(item)

    def _get(self) -> Any:
        return self.queue.popleft()

    def _peek(self) -> Any:
        return self.queue[0]

    # -- Putting and getting

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add `item`, waiting for room for `timeout` seconds (None: no limit), or not at all without `block`.

        `queue.Full` if there is none in time, `ShutDown` after `shutdown`, ValueError if `timeout` is negative.
        """
        if timeout is not None and block:
            _check(timeout)
        if self._enter() or ((not block or self._limit == 0 or in_hub()) and self._insist()):
            if self._put_now(item):
                return
        elif self._held_here() and (block or not self.full()):
            # A finalizer or a signal handler that interrupted this very queue: waiting here would be for oneself.
            # The item goes in when the queue is done with what it does, over the limit if need be.
            self._refuse_if_shut()
            self._submit(ADD, item)
            return
        if not block:
            raise Full
        park = new_park(self)
        park.outcome = item
        if self._wait(PUT, park, timeout) is TIMED_OUT:
            raise current_hub.expired(timeout, Full)

    def put_nowait(self, item: Any) -> None:
        """Add `item`; `queue.Full` if there is no room. Never switches."""
        self.put(item, False)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the next item, waiting for it for `timeout` seconds (None: no limit), or not at all without `block`.

        `queue.Empty` if there is none in time, `ShutDown` if there is none after `shutdown`, ValueError if `timeout`
        is negative.
        """
        return self._next(block, timeout, None)

    def get_nowait(self) -> Any:
        """Take the next item; `queue.Empty` if there is none. Never switches."""
        return self._next(False, None, None)

    def peek(self, block: bool = True, timeout: float | None = None) -> Any:
        """Like `get`, but leave the item in the queue."""
        return self._next(block, timeout, _PEEK)

    def peek_nowait(self) -> Any:
        """Return the next item without taking it; `queue.Empty` if there is none. Never switches."""
        return self._next(False, None, _PEEK)

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        """Take the next item; the class StopIteration as an item ends the iteration."""
        item = self._next(True, None, None)
        if item is StopIteration:
            raise item
        return item

    # -- Looking

    @property
    def maxsize(self) -> int | None:
        """The most items it holds; None: no limit. Can be set."""
        return self._limit or None

    @maxsize.setter
    def maxsize(self, value: int | None) -> None:
        self._limit = _limit_of(value)
        # There may be room now for waiters.
        self._submit(SERVE, None)

    @property
    def _maxsize(self) -> int:
        # gevent's name for the same: -1 if there is no limit.
        return self._limit or -1

    def qsize(self) -> int:
        """Return how many items are in the queue."""
        return self._qsize()

    def empty(self) -> bool:
        """Tell whether there is no item."""
        return self._qsize() == 0

    def full(self) -> bool:
        """Tell whether there is no room."""
        return self._limit > 0 and self._qsize() >= self._limit

    def copy(self) -> "SimpleQueue":
        """Return a queue of the same kind, size and items."""
        return type(self)(self.maxsize, self.queue)

    def __len__(self) -> int:
        return self._qsize()

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x}{self._format()}>"

    def __str__(self) -> str:
        return f"<{type(self).__name__}{self._format()}>"

    def _format(self) -> str:
        words = []
        if self._limit:
            words.append(f"maxsize={self._limit}")
        if self.queue:
            words.append(f"queue={self.queue!r}")
        if self.getters:
            words.append(f"getters[{len(self.getters)}]")
        if self.putters:
            words.append(f"putters[{len(self.putters)}]")
        if self.is_shutdown:
            words.append("shut down")
        return "".join(f" {word}" for word in words)

    # -- The uncontended paths. Called with the gate held; they give it back.

    def _put_now(self, item: Any) -> bool:
        """Store `item` if there is room, and give it to a waiter for one."""
        try:
            self._refuse_if_shut()
            if self._limit > 0 and self._qsize() >= self._limit:
                return False
            self._put(item)
            self._unfinished += 1
            # Putters wait beside free room when the user took items out of `queue` by hand.
            if self.getters.count or self.putters.count:
                self._serve()
            return True
        finally:
            self._finish()

    def _next(self, block: bool, timeout: Any, purpose: Any) -> Any:
        if timeout is not None and block:
            _check(timeout)
        if self._enter() or ((not block or in_hub()) and self._insist()):
            try:
                if self._qsize():
                    if purpose is _PEEK:
                        return self._peek()
                    item = self._get()
                    if self.putters.count:
                        self._serve()
                    return item
                self._refuse_if_shut()
            finally:
                self._finish()
        if not block:
            raise Empty
        park = new_park(self)
        park.outcome = purpose
        item = self._wait(GET, park, timeout)
        if item is TIMED_OUT:
            raise current_hub.expired(timeout, Empty)
        return item

    def _refuse_if_shut(self) -> None:
        if self.is_shutdown:
            raise ShutDown

    # -- The rest, one operation at a time. The gate is held.

    def _apply(self, code: int, operand: Any) -> None:
        if code == GET:
            self.getters.append(operand)
            self._serve()
        elif code == PUT:
            self.putters.append(operand)
            self._serve()
        elif code == ADD:
            self._add(operand)
        elif code == SERVE:
            self._serve()
        elif code == JOIN:
            if self._unfinished:
                self._joiners.append(operand)
            else:
                operand.wake(True)
        elif code == DONE:
            self._count_done()
        elif code == SHUT:
            self._shut(operand)
        else:
            Guarded._apply(self, code, operand)

    def _serve(self) -> None:
        """Give items to getters that wait, and room to putters that wait, for as long as there is both."""
        getters = self.getters
        putters = self.putters
        while True:
            # Claimed first: an item that is taken for a waiter that is gone would be lost.
            if getters.count and self._qsize():
                park = getters.popleft()
                if park.claim():
                    self._hand_out(park)
            elif putters.count and (self._limit == 0 or self._qsize() < self._limit) and not self.is_shutdown:
                park = putters.popleft()
                # What it brings along is there until it ends.
                item = park.outcome
                if park.claim():
                    self._take_in(park, item)
            else:
                break
        if self.is_shutdown:
            for waiting in (getters, putters):
                while waiting.count:
                    waiting.popleft().fail(ShutDown())

    def _hand_out(self, park: Any) -> None:
        try:
            item = self._peek() if park.outcome is _PEEK else self._get()
        except BaseException as error:
            # From a subclass's method: it belongs to the getter of the item.
            park.finish_failed(error)
        else:
            park.finish(item)

    def _take_in(self, park: Any, item: Any) -> None:
        try:
            self._put(item)
        except BaseException as error:
            # Two items that can't be compared.
            park.finish_failed(error)
        else:
            self._unfinished += 1
            park.finish(True)

    def _add(self, item: Any) -> None:
        try:
            self._put(item)
        except BaseException as error:
            # Its putter is gone, and the greenlet that works for it here is not to blame.
            sys.unraisablehook(
                SimpleNamespace(
                    exc_type=type(error),
                    exc_value=error,
                    exc_traceback=error.__traceback__,
                    err_msg="Item can't be put",
                    object=self,
                )
            )
        else:
            self._unfinished += 1
            self._serve()

    def _count_done(self) -> bool:
        """Count one item as done; return False if there is none left that could be."""
        if self._unfinished <= 0:
            return False
        self._unfinished -= 1
        if self._unfinished == 0:
            self._wake_joiners()
        return True

    def _wake_joiners(self) -> None:
        joiners = self._joiners
        while joiners.count:
            joiners.popleft().wake(True)

    def _shut(self, dropped: list[Any] | None) -> None:
        self.is_shutdown = True
        if dropped is not None:
            while self._qsize():
                # Kept by the caller: no object of the user's dies with the gate held.
                dropped.append(self._get())
                self._count_done()
        self._serve()


class Queue(SimpleQueue):
    """A SimpleQueue whose items can be reported done (`task_done`) and waited for (`join`), and that can be shut.

    gevent's class of the same name, and the standard library's (`shutdown` as in 3.13). `unfinished_tasks` says how
    many of `items` are to be reported done; all of them by default.
    """

    __slots__ = ()

    def __init__(
        self, maxsize: int | None = None, items: Iterable[Any] = (), unfinished_tasks: int | None = None
    ) -> None:
        self._set_up(maxsize, items)
        self._unfinished = as_integer(unfinished_tasks or self._qsize(), "unfinished_tasks", 0)

    @property
    def unfinished_tasks(self) -> int:
        """How many items were put in and not reported done."""
        return self._unfinished

    def task_done(self) -> None:
        """Report one item done that was taken. ValueError if more are reported than were put in."""
        if self._enter() or self._insist():
            try:
                counted = self._count_done()
            finally:
                self._finish()
            if not counted:
                raise ValueError(f"task_done() called too many times: all items of {self!r} are done")
        else:
            self._submit(DONE, None)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until every item was reported done, or for `timeout` seconds; tell whether that is so."""
        if self._unfinished == 0:
            return True
        return self._wait(JOIN, new_park(("the tasks of {!r}", self)), timeout) is not TIMED_OUT

    def shutdown(self, immediate: bool = False) -> None:
        """Let no more be put in; `get` raises `ShutDown` once the queue is empty, or, `immediate`, at once.

        Putters that wait get `ShutDown`. With `immediate` the items are dropped, and count as done.
        """
        dropped: list[Any] | None = [] if immediate else None
        self._submit(SHUT, dropped)

    def copy(self) -> "Queue":
        """Return a queue of the same kind, size, items and count of unfinished tasks."""
        return type(self)(self.maxsize, self.queue, self._unfinished)

    def _format(self) -> str:
        text = SimpleQueue._format(self)
        return f"{text} tasks={self._unfinished}" if self._unfinished else text


JoinableQueue = Queue


class LifoQueue(Queue):
    """A Queue that gives out the latest item first."""

    __slots__ = ()

    def _init(self, maxsize: int | None, items: Iterable[Any] = ()) -> None:
        self.queue: Any = list(items)

    def _get(self) -> Any:
        return self.queue.pop()

    def _peek(self) -> Any:
        return self.queue[-1]


class PriorityQueue(Queue):
    """A Queue that gives out the least item first; often a tuple ``(priority, data)``."""

    __slots__ = ()

    def _init(self, maxsize: int | None, items: Iterable[Any] = ()) -> None:
        self.queue: Any = list(items)
        heapify(self.queue)

    def _put(self, item: Any) -> None:
        heappush(self.queue, item)

    def _get(self) -> Any:
        return heappop(self.queue)
