"""Greenlet switching, and the greenlet base class that carries our per-greenlet state (plain twin)."""

from contextvars import copy_context
from typing import Any

from greenlet import getcurrent as current
from greenlet import greenlet

__all__ = ["Fiber", "current", "greenlet", "is_active", "resume", "start_in", "throw_into"]


class Fiber(greenlet):
    """A greenlet with the state that parking and killing need; the hub and every spawned greenlet are fibers."""

    hub: Any = None
    park: Any = None
    pending: Any = None
    locals: Any = None


def resume(target: greenlet) -> Any:
    """Switch to `target`; return what is switched back, or raise what is thrown here."""
    return target.switch()


def throw_into(target: greenlet, error: BaseException) -> Any:
    """Raise the exception instance `error` in `target`; return what is switched back."""
    return target.throw(type(error), error)


def is_active(target: greenlet) -> bool:
    """Tell whether `target` has started and has not finished."""
    return bool(target)


def start_in(target: Fiber, hub: Any) -> None:
    """Make `hub` the parent of a new greenlet, and a copy of the running context (contextvars) its context."""
    target.parent = hub
    target.hub = hub
    target.gr_context = copy_context()
