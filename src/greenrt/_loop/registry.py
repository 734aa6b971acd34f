"""Threads, as a loop sees them: whether its own still lives, and how an error names them."""

import sys
from weakref import ref

from greenrt import _original
from greenrt._typing import Any

__all__ = [
    "all_loops",
    "close_if_left",
    "default_loop",
    "describe_thread",
    "mark_thread",
    "register",
    "running_here",
]


# All loops there are, by id: a loop that is dropped unclosed must not stay.
_loops: "dict[int, ref[Any]]" = {}

# Ends with its thread. (An identity says nothing: the next thread may get the same one.)
_local = _original.thread_local()


class _Mark:
    """Lives as long as its thread."""

    __slots__ = ("__weakref__",)


def mark_thread() -> ref[_Mark]:
    """Return a weak reference that is dead once the calling thread is."""
    mark = getattr(_local, "mark", None)
    if mark is None:
        mark = _local.mark = _Mark()
    return ref(mark)


def describe_thread(ident: int) -> str:
    """Return the identity of a thread with its name, if `threading` knows it."""
    threading = sys.modules.get("threading")
    thread = getattr(threading, "_active", {}).get(ident)
    return f"{ident:#x}" if thread is None else f"{ident:#x} ({thread.name!r})"


def register(loop: Any) -> None:
    """Note a new loop."""
    key = id(loop)
    _loops[key] = ref(loop, lambda _: _loops.pop(key, None))


def all_loops() -> list[Any]:
    """Return every loop that exists."""
    found = [reference() for reference in list(_loops.values())]
    return [loop for loop in found if loop is not None]


def default_loop() -> Any:
    """Return the main thread's open loop, or None."""
    return next((loop for loop in all_loops() if loop.default and not loop.closed), None)


def close_if_left(loop: Any) -> None:
    """Close a loop whose thread ended and left it open: what is asked of it would never be done. Any thread."""
    if not loop.closed and loop.owner_mark() is None:
        loop.close()


def running_here() -> list[Any]:
    """Return the loops that `Loop.run` runs in the calling thread: several if a callback runs another one."""
    me = _original.get_ident()
    return [loop for loop in all_loops() if loop.running and loop.owner == me]
