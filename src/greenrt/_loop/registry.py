"""The registry of all loops, and their owner threads: whether a thread is alive, and its name in messages.

In the child of a fork, the loops of the forking thread continue with new kernel objects. The other threads do not
exist there, so their loops are closed. The child shares the epoll instances of the parent: it closes them, and never
changes them.
"""

from weakref import ref

from greenrt import _atfork, _original
from greenrt._bare import thread_name
from greenrt._typing import Any

__all__ = [
    "all_loops",
    "close_if_orphaned",
    "default_loop",
    "describe_thread",
    "loops_running_here",
    "mark_thread",
    "register",
]


# All loops by id. The references are weak: the registry must not keep a loop that was dropped without a close.
_loops: "dict[int, ref[Any]]" = {}

# Its attributes are dropped when the thread ends. (The ident of a thread does not show that: a new thread may get
# it.)
_local = _original.thread_local()


class _Mark:
    """An object that lives as long as its thread."""

    __slots__ = ("__weakref__",)


def mark_thread() -> ref[_Mark]:
    """Return a weak reference that is dead once the calling thread has ended."""
    mark = getattr(_local, "mark", None)
    if mark is None:
        mark = _local.mark = _Mark()
    return ref(mark)


def describe_thread(ident: int) -> str:
    """Return the ident of a thread in hex, with its name if `threading` knows the thread."""
    name = thread_name(ident)
    return f"{ident:#x}" if name is None else f"{ident:#x} ({name!r})"


def register(loop: Any) -> None:
    """Add a new loop to the registry."""
    key = id(loop)
    _loops[key] = ref(loop, lambda _: _loops.pop(key, None))


def all_loops() -> list[Any]:
    """Return every loop that exists."""
    found = [reference() for reference in list(_loops.values())]
    return [loop for loop in found if loop is not None]


def default_loop() -> Any:
    """Return the main thread's open loop, or None."""
    return next((loop for loop in all_loops() if loop.default and not loop.closed), None)


def close_if_orphaned(loop: Any) -> None:
    """Close a loop whose thread has ended without closing it: a request to it would never be done. Any thread."""
    if not loop.closed and loop.owner_mark() is None:
        loop.close()


def loops_running_here() -> list[Any]:
    """Return the loops that `Loop.run` is running in the calling thread: several if a callback runs another loop."""
    me = _original.get_ident()
    return [loop for loop in all_loops() if loop.running and loop.owner == me]


def _renew_loops() -> None:
    loops = all_loops()
    me = _original.get_ident()
    # The loops of other threads come first: they release the process-wide handling of signals.
    for loop in loops:
        if loop.owner != me:
            loop.abandon()
    for loop in loops:
        if loop.owner == me and not loop.closed:
            loop.reinit()


_atfork.register(_atfork.LOOPS, _renew_loops)
