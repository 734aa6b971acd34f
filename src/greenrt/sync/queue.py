"""Queues between greenlets and threads, with the interfaces of gevent and of the standard library."""

import sys
from collections import deque
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from types import SimpleNamespace

from greenrt import _original
from greenrt._arguments import as_integer, check_iterable
from greenrt._hub import current_hub
from greenrt._hub.guarded import Guarded, WaitList
from greenrt._hub.park import TIMED_OUT, as_seconds, in_hub, new_park
from greenrt._typing import Any, Generic, Self, SupportsFloat, TypeVar

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

T = TypeVar("T")

GET = 1
PUT = 2
ADD = 3
SERVE = 4
JOIN = 5
DONE = 6
SHUT = 7

Empty = _original.Empty
Full = _original.Full

# If the standard library has the class (3.13 and later), this is the same class.
if _original.ShutDown is not None:
    ShutDown: Any = _original.ShutDown
else:

    class ShutDown(Exception):  # type: ignore[no-redef]
        """Raised after `shutdown` by `put`, and by `get` if the queue is empty."""


# The outcome that the park of a `peek` carries from the start: its waiter leaves the item in the queue.
_PEEK: Any = object()


def _check(timeout: Any) -> None:
    if as_seconds(timeout) < 0.0:
        raise ValueError(f"'timeout' must be a non-negative number, not {timeout!r}")


def _limit_of(maxsize: Any) -> int:
    return 0 if maxsize is None else max(as_integer(maxsize, "maxsize"), 0)


class SimpleQueue(Guarded, Generic[T]):
    """A FIFO queue. gevent's class of the same name, and the standard library's.

    Any thread may use it, also from a finalizer or a signal handler. Waiters are served in the order of their
    arrival: when an item is put, it is handed to the getter that has waited longest. That getter returns the item
    even if it is killed at the same moment; the kill takes effect at its next blocking call. `len` returns the number
    of items, but a queue is always true.

    Subclasses may store the items differently. They override `_init`, `_qsize`, `_put`, `_get` and `_peek`, which
    must not block. The queue never runs two of them concurrently. The default methods keep the items in `queue`.

    Arguments: `maxsize`, the largest number of items (None, 0 or less: no limit), and `items`, the first items.
    Raises TypeError if `maxsize` is not an integer or `items` is not iterable.

    Attributes: `maxsize`; `queue`, the container of the items; `is_shutdown`, whether the queue was shut down;
    `getters` and `putters`, the lists of waiters, which are read-only.
    """

    __slots__ = ("_joiners", "_limit", "_unfinished", "getters", "is_shutdown", "putters", "queue")

    def __init__(self, maxsize: int | None = None, items: Iterable[T] = ()) -> None:
        self._set_up(maxsize, items)

    def _set_up(self, maxsize: int | None, items: Iterable[T]) -> None:
        self._limit = _limit_of(maxsize)
        # The waiters. Users may only read the lists.
        self.getters: WaitList = WaitList()
        self.putters: WaitList = WaitList()
        self._joiners = WaitList()
        self.is_shutdown: bool = False
        self._unfinished = 0
        if items:
            self._init(maxsize, check_iterable(items, "items"))
        else:
            # The standard library calls `_init` this way: overriding methods of its subclasses take no items.
            self._init(maxsize)

    # -- Storage of the items

    def _init(self, maxsize: int | None, items: Iterable[T] = ()) -> None:
        self.queue: Any = deque(items)

    def _qsize(self) -> int:
        return len(self.queue)

    def _put(self, item: T) -> None:
        self.queue.append(item)

    def _get(self) -> T:
        return self.queue.popleft()

    def _peek(self) -> T:
        return self.queue[0]

    # -- Putting and getting

    def put(self, item: T, block: bool = True, timeout: SupportsFloat | None = None) -> None:
        """Add `item`; park while the queue is full.

        Park for at most `timeout` seconds (None: no limit); never park if `block` is false. Raises `queue.Full` if
        the queue has no room in time, `ShutDown` after `shutdown`, and ValueError if `timeout` is negative.
        """
        if timeout is not None and block:
            _check(timeout)
        if self._enter() or ((not block or self._limit == 0 or in_hub()) and self._insist()):
            if self._put_now(item):
                return
        elif self._held_here() and (block or not self.full()):
            # The caller is a finalizer or a signal handler that interrupted an operation of this queue on the same
            # thread: it would wait for itself. The queue adds the item after that operation, even above the limit.
            self._refuse_if_shut()
            self._submit(ADD, item)
            return
        if not block:
            raise Full
        park = new_park(self)
        park.outcome = item
        if self._wait(PUT, park, timeout) is TIMED_OUT:
            raise current_hub.expired(timeout, Full)

    def put_nowait(self, item: T) -> None:
        """Add `item` without parking. Raises `queue.Full` if the queue is full. Never switches."""
        self.put(item, False)

    def get(self, block: bool = True, timeout: SupportsFloat | None = None) -> T:
        """Remove and return the next item; park while the queue is empty.

        Park for at most `timeout` seconds (None: no limit); never park if `block` is false. Raises `queue.Empty` if
        no item arrives in time, `ShutDown` if the queue is empty after `shutdown`, and ValueError if `timeout` is
        negative.
        """
        return self._next(block, timeout, None)

    def get_nowait(self) -> T:
        """Remove and return the next item without parking. Raises `queue.Empty` if there is none. Never switches."""
        return self._next(False, None, None)

    def peek(self, block: bool = True, timeout: SupportsFloat | None = None) -> T:
        """Return the next item like `get`, but leave it in the queue."""
        return self._next(block, timeout, _PEEK)

    def peek_nowait(self) -> T:
        """Return the next item and leave it in the queue. Raises `queue.Empty` if there is none. Never switches."""
        return self._next(False, None, _PEEK)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        """Remove and return the next item. An item that is the class StopIteration ends the iteration."""
        item = self._next(True, None, None)
        if item is StopIteration:
            raise item
        return item

    # -- State

    @property
    def maxsize(self) -> int | None:
        """The largest number of items, or None if there is no limit. Can be set."""
        return self._limit or None

    @maxsize.setter
    def maxsize(self, value: int | None) -> None:
        self._limit = _limit_of(value)
        # The new limit may leave room for waiting putters.
        self._submit(SERVE, None)

    @property
    def _maxsize(self) -> int:
        # gevent's name for the limit; -1 if there is none.
        return self._limit or -1

    def qsize(self) -> int:
        """Return the number of items in the queue."""
        return self._qsize()

    def empty(self) -> bool:
        """Return whether the queue has no item."""
        return self._qsize() == 0

    def full(self) -> bool:
        """Return whether the queue has reached its limit; False if it has none."""
        return self._limit > 0 and self._qsize() >= self._limit

    def copy(self) -> Self:
        """Return a new queue of the same class with the same limit and items."""
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

    # -- The uncontended paths. The caller holds the queue's internal lock; these functions release it.

    def _put_now(self, item: Any) -> bool:
        """Store `item` and hand it to a waiting getter; return False if the queue is full."""
        try:
            self._refuse_if_shut()
            if self._limit > 0 and self._qsize() >= self._limit:
                return False
            self._put(item)
            self._unfinished += 1
            # Putters can be waiting although there is room, if the user removed items from `queue` directly.
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

    # -- The queued operations, which run one after the other. The caller holds the internal lock.

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
        """Hand items to waiting getters and free room to waiting putters, as long as there are both."""
        getters = self.getters
        putters = self.putters
        while True:
            # Claim the waiter first: an item that is removed for a waiter that has left would be lost.
            if getters.count and self._qsize():
                park = getters.popleft()
                if park.claim():
                    self._hand_out(park)
            elif putters.count and (self._limit == 0 or self._qsize() < self._limit) and not self.is_shutdown:
                park = putters.popleft()
                # Read the item first: the park carries it only until it ends.
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
            # A subclass's method raised this; the getter of the item receives the error.
            park.finish_failed(error)
        else:
            park.finish(item)

    def _take_in(self, park: Any, item: Any) -> None:
        try:
            self._put(item)
        except BaseException as error:
            # For example, two items can't be compared.
            park.finish_failed(error)
        else:
            self._unfinished += 1
            park.finish(True)

    def _add(self, item: Any) -> None:
        try:
            self._put(item)
        except BaseException as error:
            # The putter has returned already, and the greenlet that runs its operation did not cause the error.
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
        """Count one item as done; return False if all items are done already."""
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
                # The caller keeps the items: no object of the program may be destroyed while the lock is held.
                dropped.append(self._get())
                self._count_done()
        self._serve()


class Queue(SimpleQueue[T]):
    """A SimpleQueue that also counts unfinished items (`task_done`, `join`) and can be shut down (`shutdown`).

    gevent's class of the same name, and the standard library's (`shutdown` as in 3.13). Any thread may use it.

    Arguments: `maxsize` and `items` as for SimpleQueue; `unfinished_tasks`, how many of `items` consumers must
    report as done (by default all of them). Attributes: `unfinished_tasks`, and those of SimpleQueue.
    """

    __slots__ = ()

    def __init__(
        self, maxsize: int | None = None, items: Iterable[T] = (), unfinished_tasks: int | None = None
    ) -> None:
        self._set_up(maxsize, items)
        self._unfinished = as_integer(unfinished_tasks or self._qsize(), "unfinished_tasks", 0)

    @property
    def unfinished_tasks(self) -> int:
        """The number of items that were put and have not been reported as done."""
        return self._unfinished

    def task_done(self) -> None:
        """Report one item that was taken as done. Raises ValueError if more are reported than were put."""
        if self._enter() or self._insist():
            try:
                counted = self._count_done()
            finally:
                self._finish()
            if not counted:
                raise ValueError(f"task_done() called too many times: all items of {self!r} are done")
        else:
            self._submit(DONE, None)

    def join(self, timeout: SupportsFloat | None = None) -> bool:
        """Park until all items are done; return True, or False after `timeout` seconds (None: no limit)."""
        if self._unfinished == 0:
            return True
        return self._wait(JOIN, new_park(("the tasks of {!r}", self)), timeout) is not TIMED_OUT

    def shutdown(self, immediate: bool = False) -> None:
        """Refuse further items: `put` raises `ShutDown` from now on, and so does `get` once the queue is empty.

        `ShutDown` is raised in waiting putters. If `immediate` is true, the queue drops its items and counts them
        as done, so `get` raises `ShutDown` at once.
        """
        dropped: list[Any] | None = [] if immediate else None
        self._submit(SHUT, dropped)

    def copy(self) -> Self:
        """Return a new queue of the same class with the same limit, items and number of unfinished tasks."""
        return type(self)(self.maxsize, self.queue, self._unfinished)

    def _format(self) -> str:
        text = SimpleQueue._format(self)
        return f"{text} tasks={self._unfinished}" if self._unfinished else text


JoinableQueue = Queue


class LifoQueue(Queue[T]):
    """A Queue that returns the most recent item first. Arguments and attributes are those of Queue."""

    __slots__ = ()

    def _init(self, maxsize: int | None, items: Iterable[T] = ()) -> None:
        self.queue: Any = list(items)

    def _get(self) -> T:
        return self.queue.pop()

    def _peek(self) -> T:
        return self.queue[-1]


class PriorityQueue(Queue[T]):
    """A Queue that returns the least item first; items are often tuples ``(priority, data)``.

    Arguments and attributes are those of Queue. The items must be comparable with each other.
    """

    __slots__ = ()

    def _init(self, maxsize: int | None, items: Iterable[T] = ()) -> None:
        self.queue: Any = list(items)
        heapify(self.queue)

    def _put(self, item: T) -> None:
        heappush(self.queue, item)

    def _get(self) -> T:
        return heappop(self.queue)
