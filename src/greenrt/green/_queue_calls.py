"""`put`, `get` and `task_done` of the standard library's queues, for when nothing has to be waited for.

The standard methods enter and leave a condition, and notify another, in Python. These take the same lock and keep the
same attributes, so that both kinds may be mixed, and subclasses' `_put`, `_get` and `_qsize` are called as ever; what
has to wait, or is an error, is left to the standard ones.

SIMPLE_METHODS are those of the standard SimpleQueue in which a loop that polls, or always finds an item, yields.
Finalizers call `put`, so it never switches.
"""

import queue as _stdlib

from greenrt._hub.fd_wait import give_way
from greenrt._typing import Any
from greenrt.green.thread import lock
from greenrt.sync.lock import Lock
from greenrt.sync.queue import SimpleQueue

__all__ = ["METHODS", "SIMPLE_METHODS"]

_wait_put = _stdlib.Queue.put
_wait_get = _stdlib.Queue.get
_wait_task_done = _stdlib.Queue.task_done

# CPython 3.13 has shutdown().
_SHUTS = hasattr(_stdlib, "ShutDown")

_NOTHING: Any = object()

# What patched and private copies of `threading` make, and what programs may set. Subclasses may act otherwise.
_GREEN_LOCK: Any = lock


def put(self: Any, item: Any, block: bool = True, timeout: float | None = None) -> None:
    """Put an item into the queue. See `queue.Queue.put`."""
    mutex = self.mutex
    if timeout is not None or not _is_green(mutex) or not _put_now(self, mutex, item):
        _wait_put(self, item, block, timeout)


def get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
    """Remove and return an item from the queue. See `queue.Queue.get`."""
    mutex = self.mutex
    if timeout is None and _is_green(mutex):
        item = _get_now(self, mutex)
        if item is not _NOTHING:
            return item
    return _wait_get(self, block, timeout)


def task_done(self: Any) -> None:
    """Indicate that an item that was put is dealt with. See `queue.Queue.task_done`."""
    mutex = self.mutex
    if not _is_green(mutex) or not _done_now(self, mutex):
        _wait_task_done(self)


def _is_green(mutex: Any) -> bool:
    return type(mutex) is _GREEN_LOCK or type(mutex) is Lock


def _put_now(queue: Any, mutex: Any, item: Any) -> bool:
    give_way()
    if not mutex._obtain(False, None):
        return False
    try:
        most = queue.maxsize
        if (most > 0 and queue._qsize() >= most) or (_SHUTS and queue.is_shutdown):
            return False
        queue._put(item)
        queue.unfinished_tasks += 1
        getters = queue.not_empty
        if getters._waiters:
            getters.notify()
        return True
    finally:
        mutex._give_back()


def _get_now(queue: Any, mutex: Any) -> Any:
    give_way()
    if not mutex._obtain(False, None):
        return _NOTHING
    try:
        if not queue._qsize():
            return _NOTHING
        item = queue._get()
        putters = queue.not_full
        if putters._waiters:
            putters.notify()
        return item
    finally:
        mutex._give_back()


def _done_now(queue: Any, mutex: Any) -> bool:
    if not mutex._obtain(False, None):
        return False
    try:
        left = queue.unfinished_tasks - 1
        if left <= 0:
            return False
        queue.unfinished_tasks = left
        return True
    finally:
        mutex._give_back()


def simple_get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
    """Remove and return the next item. Raises `queue.Empty` after `timeout`, ValueError if that is negative."""
    if block and timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    give_way()
    return _take_next(self, block, timeout)


def simple_get_nowait(self: Any) -> Any:
    """Remove and return the next item. Raises `queue.Empty` if the queue is empty."""
    give_way()
    return _take_next(self, False, None)


def _take_next(queue: SimpleQueue, block: bool, timeout: Any) -> Any:
    return queue._next(block, timeout, None)


def simple_qsize(self: Any) -> int:
    """Return the number of items."""
    give_way()
    return len(self)


def simple_empty(self: Any) -> bool:
    """Tell whether there is no item."""
    give_way()
    return not len(self)


METHODS: dict[str, Any] = {"get": get, "put": put, "task_done": task_done}
SIMPLE_METHODS: dict[str, Any] = {
    "empty": simple_empty,
    "get": simple_get,
    "get_nowait": simple_get_nowait,
    "qsize": simple_qsize,
}
