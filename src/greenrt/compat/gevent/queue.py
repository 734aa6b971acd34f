"""gevent.queue: greenrt's queues."""

from collections.abc import Callable

import greenrt.sync
from greenrt._hub.current_hub import get_hub_if_exists
from greenrt._hub.park import in_hub
from greenrt._hub.sleep import sleep
from greenrt._typing import Any, SupportsFloat, TypeVar
from greenrt.compat._missing import missing_names
from greenrt.sync import (
    Empty,
    Full,
    JoinableQueue,
    LifoQueue,
    PriorityQueue,
    Queue,
    ShutDown,
    SimpleQueue,
)

__all__ = [
    "Channel",
    "Empty",
    "Full",
    "JoinableQueue",
    "LifoQueue",
    "PriorityQueue",
    "Queue",
    "ShutDown",
    "SimpleQueue",
    "UnboundQueue",
]

__implements__ = ["LifoQueue", "PriorityQueue", "Queue", "SimpleQueue"]
__extensions__ = ["Channel", "JoinableQueue", "ShutDown", "UnboundQueue"]

T = TypeVar("T")


class Channel(greenrt.sync.Channel[T]):
    """greenrt's Channel in gevent's order: the greenlet that gets an item runs before `put` returns."""

    __slots__ = ()

    def put(self, item: T, block: bool = True, timeout: SupportsFloat | None = None) -> None:
        """Hand `item` to a getter; see `greenrt.sync.Channel.put`."""
        waited_for = len(self.getters) > 0
        super().put(item, block, timeout)
        if waited_for and block and get_hub_if_exists() is not None and not in_hub():
            sleep(0)


# gevent's faster queue without a limit; greenrt's queue is as fast.
UnboundQueue = Queue

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
