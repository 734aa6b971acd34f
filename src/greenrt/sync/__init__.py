"""What greenlets and threads share: events, locks, queues, groups and pools, all importable from here."""

from greenrt._typing import TYPE_CHECKING, Any
from greenrt.sync.async_result import AsyncResult
from greenrt.sync.channel import Channel
from greenrt.sync.condition import Condition
from greenrt.sync.event import Event
from greenrt.sync.group import Group
from greenrt.sync.lock import Lock, RLock
from greenrt.sync.pool import Pool, PoolFull
from greenrt.sync.queue import (
    Empty,
    Full,
    JoinableQueue,
    LifoQueue,
    PriorityQueue,
    Queue,
    ShutDown,
    SimpleQueue,
)
from greenrt.sync.semaphore import BoundedSemaphore, DummySemaphore, Semaphore
from greenrt.sync.threadpool import ThreadPool
from greenrt.sync.threadproxy import ThreadProxy

if TYPE_CHECKING:
    from greenrt.sync.executor import ThreadPoolExecutor

__all__ = [
    "AsyncResult",
    "BoundedSemaphore",
    "Channel",
    "Condition",
    "DummySemaphore",
    "Empty",
    "Event",
    "Full",
    "Group",
    "JoinableQueue",
    "LifoQueue",
    "Lock",
    "Pool",
    "PoolFull",
    "PriorityQueue",
    "Queue",
    "RLock",
    "Semaphore",
    "ShutDown",
    "SimpleQueue",
    "ThreadPool",
    "ThreadPoolExecutor",
    "ThreadProxy",
]


def __getattr__(name: str) -> Any:
    if name == "ThreadPoolExecutor":
        # Imported on first use: it loads concurrent.futures and `threading`.
        from greenrt.sync.executor import ThreadPoolExecutor

        return ThreadPoolExecutor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
