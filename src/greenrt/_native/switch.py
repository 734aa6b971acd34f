"""Greenlet switching, and the greenlet base class that carries our per-greenlet state (plain twin)."""

import sys
from contextvars import copy_context
from sys import is_finalizing as ending
from types import FunctionType, MethodType

from greenlet import getcurrent as current
from greenlet import greenlet

from greenrt._typing import Any

__all__ = [
    "SURVIVES_FINALIZATION",
    "Fiber",
    "as_fiber",
    "code_of",
    "current",
    "current_or_last",
    "current_or_none",
    "ending",
    "execute",
    "execute_current",
    "greenlet",
    "has_started",
    "hold",
    "is_active",
    "place",
    "resume",
    "resume_held",
    "throw_into",
]


# Until CPython 3.13 a thread that asks for the GIL while the interpreter is being finalized is unwound, which crashes
# in a greenlet. The compiled build stops the unwinding.
SURVIVES_FINALIZATION = sys.version_info >= (3, 14)

_dead = greenlet.dead.__get__

# What runs while the interpreter is being finalized, when greenlet doesn't say any more.
_last = current()


class Fiber(greenlet):
    """A greenlet with the state that parking and killing need; the hub and every spawned greenlet are fibers."""

    hub: Any = None
    park: Any = None
    pending: Any = None
    locals: Any = None
    latch: Any = None
    site_code: Any = None
    site_offset: int = 0
    queued: bool = False
    begun: bool = False

    def keep_latch(self, fresh: Any) -> Any:
        """Make `fresh` the latch unless there is one; return the one that there is. Any thread."""
        # Atomic, unlike a look and a store.
        kept = self.__dict__.setdefault("latch", fresh)
        # None: there was one, and the end has dropped it.
        return fresh if kept is None else kept

    def _execute(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has nothing to run")


def execute(fiber: Fiber) -> Any:
    """Run the body of `fiber`, which is the running greenlet: the first thing that its first switch calls."""
    return fiber._execute()


def execute_current() -> Any:
    """`execute` the running greenlet. Not a method: a started greenlet would hold a bound one for all its life."""
    # No variable refers to the greenlet: the traceback of an error that it keeps as its result leads to this frame.
    return current()._execute()  # type: ignore[attr-defined]


def current_or_none() -> greenlet | None:
    """Return the running greenlet of this thread; None once the interpreter is being finalized."""
    # greenlet asks the same; not all versions do.
    try:
        return None if ending() else current()
    except RuntimeError:
        return None


def current_or_last() -> greenlet:
    """Return the running greenlet; the main one of the main thread once the interpreter is being finalized.

    For ownership checks only. Code that may switch uses the others: daemon threads don't go on at the end.
    """
    running = current_or_none()
    return _last if running is None else running


def as_fiber(target: Any) -> Fiber | None:
    """Return `target` if it is a Fiber, else None."""
    return target if isinstance(target, Fiber) else None


def resume(target: greenlet) -> Any:
    """Switch to `target`; return what is switched back, or raise what is thrown here."""
    return target.switch()


def hold(target: greenlet) -> Any:
    """Return a reference to `target`, an active greenlet; only for `resume_held`, which must come next."""
    return target


def resume_held(held: Any) -> Any:
    """`resume` what `hold` returned. The compiled twin keeps no reference while the caller is suspended."""
    return held.switch()


def throw_into(target: greenlet, error: BaseException) -> Any:
    """Raise the exception instance `error` in `target`; return what is switched back."""
    return target.throw(type(error), error)


def is_active(target: greenlet) -> bool:
    """Tell whether `target` has started and has not finished."""
    # Not by its truth value: subclasses count as true from their start on.
    return greenlet.__bool__(target)


def has_started(target: greenlet) -> bool:
    """Tell whether `target` has ever run, or was thrown into before it could: it can't be started any more."""
    return is_active(target) or bool(_dead(target))


def code_of(function: Any) -> Any:
    """Return the code of a Python function or method, else None."""
    if isinstance(function, MethodType):
        function = function.__func__
    return function.__code__ if isinstance(function, FunctionType) else None


def place(target: Fiber, hub: Any) -> None:
    """Make `hub` the parent of a new greenlet, give it a copy of the running context (contextvars), note the site."""
    target.parent = hub
    target.hub = hub
    target.gr_context = copy_context()
    frame: Any = sys._getframe(1)
    # Out of greenrt's own files: the compiled ones have no frames.
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("greenrt._"):
        frame = frame.f_back
    target.site_code = frame.f_code
    target.site_offset = frame.f_lasti
