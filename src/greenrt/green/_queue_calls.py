"""`put`, `get` and `task_done` of the standard library's queues, for calls that need not wait.

The standard methods enter and leave a condition, and notify another one, in Python. These methods take the same lock
and maintain the same attributes, so both kinds may be mixed. They call `_put`, `_get` and `_qsize` of subclasses as
usual. The standard methods handle waits and errors.

SIMPLE_METHODS are the methods of the standard SimpleQueue that yield, if due, in a polling loop or in a loop that
always finds an item. Finalizers call `put`, so it never switches.
"""

import queue as _stdlib

from greenrt._hub.fd_wait import yield_if_due
from greenrt._typing import Any
from greenrt.green.thread import lock
from greenrt.sync.lock import Lock
from greenrt.sync.queue import SimpleQueue

__all__ = ["METHODS", "SIMPLE_METHODS"]

_wait_put = _stdlib.Queue.put
_wait_get = _stdlib.Queue.get
_wait_task_done = _stdlib.Queue.task_done

# From CPython 3.13 on there is shutdown().
_SHUTS = hasattr(_stdlib, "ShutDown")

_NOTHING: Any = object()

# The type of lock in patched and private copies of `threading`. Programs may set another one; subclasses may differ.
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
    """Mark one item as processed. See `queue.Queue.task_done`."""
    mutex = self.mutex
    if not _is_green(mutex) or not _done_now(self, mutex):
        _wait_task_done(self)


def _is_green(mutex: Any) -> bool:
    return type(mutex) is _GREEN_LOCK or type(mutex) is Lock


def _put_now(queue: Any, mutex: Any, item: Any) -> bool:
    yield_if_due()
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
    yield_if_due()
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
    """Remove and return the next item. Raise `queue.Empty` after `timeout`, ValueError for a negative timeout."""
    if block and timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    yield_if_due()
    return _take_next(self, block, timeout)


def simple_get_nowait(self: Any) -> Any:
    """Remove and return the next item. Raise `queue.Empty` if there is none."""
    yield_if_due()
    return _take_next(self, False, None)


def _take_next(queue: SimpleQueue[Any], block: bool, timeout: Any) -> Any:
    return queue._next(block, timeout, None)


def simple_qsize(self: Any) -> int:
    """Return the number of items."""
    yield_if_due()
    return len(self)


def simple_empty(self: Any) -> bool:
    """Return whether there is no item."""
    yield_if_due()
    return not len(self)


METHODS: dict[str, Any] = {"get": get, "put": put, "task_done": task_done}
SIMPLE_METHODS: dict[str, Any] = {
    "empty": simple_empty,
    "get": simple_get,
    "get_nowait": simple_get_nowait,
    "qsize": simple_qsize,
}
