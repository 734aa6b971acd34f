"""What the run queue holds."""

from collections.abc import Callable

from greenrt._native.heap import HeapNode
from greenrt._typing import Any

__all__ = ["READ", "TIMER", "URGENT", "WRITE", "Callback", "Entry", "as_callable"]

# The events that an entry is fired with. READ and WRITE are libev's values.
READ = 1
WRITE = 2
TIMER = 4
# Exceptional conditions, as select(2) calls them: urgent data. For level users of the epoll and poll backends.
URGENT = 32


def as_callable(callback: Any) -> Any:
    """Return `callback`; TypeError if it can't be called."""
    if not callable(callback):
        raise TypeError(f"a callback must be callable, not {callback!r}; pass the function, not its result")
    return callback


class Entry(HeapNode):
    """Something that waits for the loop, and that the run queue can run.

    `fire` is called by the loop when what the entry waits for has happened. It only queues: no code of the
    user runs in it. `run` is called later by the code that drains the run queue, and may run anything.
    """

    __slots__ = ()

    def fire(self, events: int) -> None:
        """Note that `events` (READ, WRITE, TIMER) happened; queue the entry."""
        raise NotImplementedError

    def run(self) -> None:
        """Do what was queued."""
        raise NotImplementedError


class Callback(Entry):
    """A call that waits in the run queue; what `Loop.run_callback` returns."""

    __slots__ = ("args", "callback")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.callback: Callable[..., object] | None = callback
        self.args: tuple[Any, ...] = args

    @property
    def pending(self) -> bool:
        """Whether the call is still to come."""
        return self.callback is not None

    def __bool__(self) -> bool:
        return self.callback is not None

    def stop(self) -> None:
        """Cancel the call; idempotent."""
        self.callback = None
        self.args = ()

    close = stop

    def run(self) -> None:
        """Make the call, unless it was stopped."""
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
