"""Entries of the run queue."""

from collections.abc import Callable

from greenrt._native.heap import HeapNode
from greenrt._typing import Any

__all__ = ["Callback", "Entry", "as_callable"]


def as_callable(callback: Any) -> Any:
    """Return `callback`. Raises TypeError if it is not callable."""
    if not callable(callback):
        raise TypeError(f"the callback {callback!r} is not callable; pass a function, not its result")
    return callback


class Entry(HeapNode):
    """A waiter of the loop that the run queue can run.

    The loop calls `fire` when the event of the entry happens. `fire` only queues the entry: no user code runs in it.
    The code that drains the run queue calls `run` later, and `run` may call any code.
    """

    __slots__ = ()

    def fire(self, events: int) -> None:
        """Queue the entry, since `events` (bits of `greenrt._events`) have happened."""
        raise NotImplementedError

    def run(self) -> None:
        """Do the work of the entry."""
        raise NotImplementedError


class Callback(Entry):
    """A call in the run queue, and the handle that `Loop.run_callback` returns for it.

    `callback` and `args` are the call; after it was made or stopped they are None and empty.
    """

    __slots__ = ("args", "callback")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.callback: Callable[..., object] | None = callback
        self.args: tuple[Any, ...] = args

    @property
    def pending(self) -> bool:
        """Whether the call was neither made nor stopped."""
        return self.callback is not None

    def __bool__(self) -> bool:
        return self.callback is not None

    def stop(self) -> None:
        """Cancel the call; idempotent."""
        self.callback = None
        self.args = ()

    close = stop

    def run(self) -> None:
        """Make the call unless it was stopped."""
        callback = self.callback
        if callback is not None:
            args = self.args
            self.callback = None
            self.args = ()
            callback(*args)

    def __repr__(self) -> str:
        if self.callback is None:
            return f"<Callback at {id(self):#x}: done or stopped>"
        return f"<Callback at {id(self):#x}: {self.callback!r} args={self.args!r}>"
