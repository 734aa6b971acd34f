"""eventlet.queue: queues between greenthreads. A size of 0 makes a channel; None and negative sizes mean no limit."""

import heapq
from collections import deque
from collections.abc import Callable
from queue import Empty, Full

from greenrt._hub.current_hub import get_hub_if_exists
from greenrt._hub.park import in_hub, yield_now
from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from ._waiters import TIMED_OUT, Waiters
from .event import Event

__all__ = ["Empty", "Full", "LifoQueue", "LightQueue", "PriorityQueue", "Queue"]


class LightQueue:
    """A queue without `task_done` and `join`.

    Argument: `maxsize`, the number of items that it holds. None and negative numbers mean no limit. 0 makes a
    channel: `put` waits until the item is taken. Attributes: `maxsize` and `queue`, the items.
    """

    def __init__(self, maxsize: int | None = None) -> None:
        self.maxsize: int | None
        self.queue: Any
        if maxsize is None or maxsize < 0:
            maxsize = None
        self.maxsize = maxsize
        self.getters: Waiters = Waiters()
        self.putters: Waiters = Waiters()
        self._serving = False
        self._init(maxsize)

    # Subclasses override these three methods.

    def _init(self, maxsize: int | None) -> None:
        self.queue = deque()

    def _get(self) -> Any:
        return self.queue.popleft()

    def _put(self, item: Any) -> None:
        self.queue.append(item)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} {self._format()}>"

    def __str__(self) -> str:
        return f"<{type(self).__name__} {self._format()}>"

    def __bool__(self) -> bool:
        return True

    def _format(self) -> str:
        text = f"maxsize={self.maxsize!r}"
        if self.queue:
            text += f" queue={self.queue!r}"
        if self.getters:
            text += f" getters[{len(self.getters)}]"
        if self.putters:
            text += f" putters[{len(self.putters)}]"
        return text

    def qsize(self) -> int:
        """Return the number of items."""
        return len(self.queue)

    def resize(self, size: int | None) -> None:
        """Change `maxsize`. Items beyond the new size stay."""
        self.maxsize = None if size is None or size < 0 else size
        self._admit_putters()

    def putting(self) -> int:
        """Return the number of greenthreads that wait in `put`."""
        return len(self.putters)

    def getting(self) -> int:
        """Return the number of greenthreads that wait in `get`."""
        return len(self.getters)

    def empty(self) -> bool:
        """Return whether the queue has no items."""
        return not self.qsize()

    def full(self) -> bool:
        """Return whether the queue has `maxsize` items."""
        return self.maxsize is not None and self.qsize() >= self.maxsize

    def _has_room(self) -> bool:
        return self.maxsize is None or self.qsize() < self.maxsize

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add an item; wait for room if `block` is true, for `timeout` seconds at most (None: no limit).

        Raises `Full` if there is no room. The hub may call this if there is room or a greenthread waits in `get`.
        """
        if self.maxsize == 0:
            self._put_into_channel(item, block, timeout)
        elif self._has_room():
            self._put(item)
            if self.getters:
                self._serve_soon()
        elif not block or self.putters.wait(self, timeout, item) is TIMED_OUT:
            raise Full

    def _put_into_channel(self, item: Any, block: bool, timeout: float | None) -> None:
        if not block and self.getters and not in_hub():
            # A getter may be about to be killed.
            yield_now()
        if self.getters.hand_over_from(lambda: self._pass(item)):
            if block and not in_hub():
                # The getter runs first.
                yield_now()
        elif not block or self.putters.wait(self, timeout, item) is TIMED_OUT:
            raise Full

    def _pass(self, item: Any) -> Any:
        """Take an item through the empty queue, where subclasses count it."""
        self._put(item)
        return self._get()

    def _serve_soon(self) -> None:
        """Hand items to waiting getters at the next turn of the hub.

        So a getter gets the first of all items that are put before it runs, and a Timeout that expires first counts.
        """
        hub = get_hub_if_exists()
        if hub is None:
            self._serve()
        elif not self._serving:
            self._serving = True
            hub.loop.run_callback(self._serve)

    def _serve(self) -> None:
        self._serving = False
        while self.getters and self.queue:
            self.getters.hand_over_from(self._get)
        self._admit_putters()

    def put_nowait(self, item: Any) -> None:
        """Add an item or raise `Full`."""
        self.put(item, False)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Remove and return an item; wait for one if `block` is true, for `timeout` seconds at most (None: no limit).

        Raises `Empty` if there is no item. The hub may call this if there is an item.
        """
        if self.qsize():
            item = self._get()
            self._admit_putters()
            return item
        # A channel may have putters.
        taken = self.putters.hand_over(True) if self.putters else None
        if taken is not None:
            return self._pass(taken[0])
        if not block:
            raise Empty
        item = self.getters.wait(self, timeout)
        if item is TIMED_OUT:
            raise Empty
        return item

    def get_nowait(self) -> Any:
        """Remove and return an item or raise `Empty`."""
        return self.get(False)

    def _admit_putters(self) -> None:
        """Move items of waiting putters into the queue while it has room."""
        while self.putters and self._has_room():
            taken = self.putters.hand_over(True)
            if taken is not None:
                self._put(taken[0])
        if self.getters and self.queue:
            self._serve_soon()

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        item = self.get()
        if item is StopIteration:
            raise item
        return item


class Queue(LightQueue):
    """A queue with `task_done` and `join`.

    Attribute: `unfinished_tasks`, the number of items that were put and for which `task_done` was not called.
    """

    def __init__(self, maxsize: int | None = None) -> None:
        super().__init__(maxsize)
        self.unfinished_tasks: int = 0
        self._cond = Event()

    def _format(self) -> str:
        text = super()._format()
        if self.unfinished_tasks:
            text += f" tasks={self.unfinished_tasks}"
        return text

    def _put(self, item: Any) -> None:
        super()._put(item)
        self._put_bookkeeping()

    def _put_bookkeeping(self) -> None:
        self.unfinished_tasks += 1
        if self._cond.ready():
            self._cond.reset()

    def task_done(self) -> None:
        """Report that the work on an item is done. Raises ValueError if called more often than items were put."""
        if self.unfinished_tasks <= 0:
            raise ValueError("task_done() called too many times")
        self.unfinished_tasks -= 1
        if self.unfinished_tasks == 0:
            self._cond.send(None)

    def join(self) -> None:
        """Wait until `task_done` was called for all items."""
        if self.unfinished_tasks > 0:
            self._cond.wait()


class PriorityQueue(Queue):
    """A queue whose `get` returns the smallest item, usually a tuple ``(priority, data)``."""

    def _init(self, maxsize: int | None) -> None:
        self.queue: Any = []

    def _put(self, item: Any, heappush: Any = heapq.heappush) -> None:
        heappush(self.queue, item)
        self._put_bookkeeping()

    def _get(self, heappop: Any = heapq.heappop) -> Any:
        return heappop(self.queue)


class LifoQueue(Queue):
    """A queue whose `get` returns the item that was put last."""

    def _init(self, maxsize: int | None) -> None:
        self.queue: Any = []

    def _put(self, item: Any) -> None:
        self.queue.append(item)
        self._put_bookkeeping()

    def _get(self) -> Any:
        return self.queue.pop()


__getattr__: Callable[[str], Any] = missing_names(__name__)
