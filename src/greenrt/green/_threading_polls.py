"""The calls of `threading`, `concurrent.futures` and `sched` that programs repeat until a thread changes a state.

A native thread loses the processor to others in such a loop; a greenlet would keep it. So each of these calls first
yields if the loop has not polled for some milliseconds, as locks, queues, sockets and `select` do. A kill or a
timeout may be raised there, before the method reads the state. The result is the state after the yield.

The methods of greenrt's own classes (`greenrt.Event.is_set`, `Greenlet.ready`, `Queue.get_nowait`) never switch, as
gevent's. Greenlets rely on that, for instance while they iterate over a set of other greenlets.
"""

from collections.abc import Callable
from functools import wraps

from greenrt._hub.fd_wait import yield_if_due
from greenrt._typing import Any
from greenrt.green._twin import set_methods

__all__ = ["LATER", "yield_in_polls", "yielding"]

# The polling methods of classes in modules that are imported later, if at all. The standard ones read a state under a
# free RLock, and taking that does not yield.
LATER: dict[str, tuple[str, tuple[str, ...]]] = {
    "concurrent.futures._base": ("Future", ("cancelled", "done", "running")),
    "sched": ("scheduler", ("empty", "run")),
}


def yielding(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that yields if due, then calls `function`."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        yield_if_due()
        return function(*args, **kwargs)

    return call


def is_set(self: Any) -> bool:
    """Return true if and only if the internal flag is true. See `threading.Event.is_set`."""
    yield_if_due()
    return self._flag  # type: ignore[no-any-return]


def n_waiting(self: Any) -> int:
    """Return the number of threads currently waiting at the barrier. See `threading.Barrier.n_waiting`."""
    yield_if_due()
    return self._count if self._state == 0 else 0


def broken(self: Any) -> bool:
    """Return true if the barrier is in a broken state. See `threading.Barrier.broken`."""
    yield_if_due()
    return self._state == -2  # type: ignore[no-any-return]


def yield_in_polls(module: Any) -> None:
    """Install these methods on the classes of a `threading` module, and let its functions that poll yield.

    `Thread.is_alive` needs none: it calls a method of an Event. Those of a Condition do not yield, as RLocks do not.
    """
    module.active_count = yielding(module.active_count)
    module.enumerate = yielding(module.enumerate)
    set_methods(module.Event, {"is_set": is_set})
    module.Barrier.n_waiting = property(n_waiting, doc=n_waiting.__doc__)
    module.Barrier.broken = property(broken, doc=broken.__doc__)
