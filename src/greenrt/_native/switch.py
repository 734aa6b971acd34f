"""Greenlet switching, and the greenlet base class with greenrt's per-greenlet state (plain twin)."""

import sys
from contextvars import copy_context
from sys import is_finalizing
from types import FunctionType, MethodType

from greenlet import getcurrent as current
from greenlet import greenlet

from greenrt._bare import namespace_reader
from greenrt._typing import Any

__all__ = [
    "INTERRUPTIBLE",
    "SURVIVES_FINALIZATION",
    "Fiber",
    "as_fiber",
    "attach_to_hub",
    "code_of",
    "current",
    "current_id",
    "current_or_last",
    "current_or_none",
    "execute_current",
    "greenlet",
    "has_started",
    "hold",
    "is_active",
    "is_finalizing",
    "namespace_of",
    "resume",
    "resume_held",
    "spawns_on_behalf",
    "throw_into",
]


# Whether CPython calls signal handlers in the midst of greenrt's own code.
INTERRUPTIBLE = True

# Until CPython 3.13, a thread that asks for the GIL while the interpreter is being finalized is unwound, which
# crashes in a greenlet. The compiled build stops the unwinding.
SURVIVES_FINALIZATION = sys.version_info >= (3, 14)

_dead = greenlet.dead.__get__

# Returns the `__dict__` of a greenlet, whatever its class has under this name.
namespace_of = namespace_reader(greenlet)

# The greenlet that runs while the interpreter is being finalized, when greenlet no longer reports it.
_last = current()


class Fiber(greenlet):
    """A greenlet with the state that parking and killing need. The hub and every spawned greenlet are fibers."""

    hub: Any = None
    _park: Any = None
    _pending: Any = None
    _locals: Any = None
    _latch: Any = None
    _site_code: Any = None
    _site_offset: int = 0
    _queued: bool = False
    _begun: bool = False
    # The fields of a `Greenlet`. As in the compiled class, they may be read before its `__init__` has run.
    _function: Any = None
    _args: Any = None
    _kwargs: Any = None
    _start: Any = None
    _result: Any = None
    _error: Any = None
    _traceback: Any = None
    _name: Any = None
    _sole: Any = None
    _origin: Any = None
    _state: int = 0

    def _keep_latch(self, fresh: Any) -> Any:
        """Make `fresh` the latch unless the fiber has one; return the latch. May be called from any thread."""
        # Atomic, unlike a test and a store.
        kept = namespace_of(self).setdefault("_latch", fresh)
        # None: the fiber had a latch, and has dropped it at its end.
        return fresh if kept is None else kept

    def _execute(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has nothing to run")


def execute_current() -> Any:
    """Run the body of the running greenlet. The first switch to it calls this.

    This is not a method: a started greenlet would keep a reference to a bound method until it ends.
    """
    # No local variable refers to the greenlet: if it fails, its result is an error whose traceback includes this
    # frame.
    return current()._execute()  # type: ignore[attr-defined]


def current_or_none() -> greenlet | None:
    """Return the running greenlet of this thread; None once the interpreter is being finalized."""
    # Some versions of greenlet make the same test.
    try:
        return None if is_finalizing() else current()
    except RuntimeError:
        return None


def current_or_last() -> greenlet:
    """Return the running greenlet; once the interpreter is being finalized, the main greenlet of the main thread.

    For ownership checks only. Code that may switch uses `current` or `current_or_none`, since daemon threads no
    longer run during finalization.
    """
    running = current_or_none()
    return _last if running is None else running


def current_id() -> int:
    """Return the id() of the greenlet that `current_or_last` returns. A reference would keep the greenlet alive."""
    return id(current_or_last())


def as_fiber(target: Any) -> Fiber | None:
    """Return `target` if it is a Fiber, else None."""
    return target if isinstance(target, Fiber) else None


def resume(target: greenlet) -> Any:
    """Switch to `target`; return the value of the switch back, or raise the exception that is thrown here."""
    return target.switch()


def hold(target: greenlet) -> Any:
    """Return a reference to `target`, an active greenlet. The next call must pass it to `resume_held`."""
    return target


def resume_held(held: Any) -> Any:
    """Resume the greenlet that `hold` returned. (The compiled twin keeps no reference during the switch.)"""
    return held.switch()


def throw_into(target: greenlet, error: BaseException) -> Any:
    """Raise the exception instance `error` in `target`; return the value of the switch back."""
    return target.throw(type(error), error)


def is_active(target: greenlet) -> bool:
    """Return whether `target` has started and has not finished."""
    # The truth value of `target` does not answer this: subclasses may override it.
    return greenlet.__bool__(target)


def has_started(target: greenlet) -> bool:
    """Return whether `target` has run, or an exception was thrown into it before: it can't be started again."""
    return is_active(target) or bool(_dead(target))


def code_of(function: Any) -> Any:
    """Return the code object of a Python function or method; None for other callables."""
    if isinstance(function, MethodType):
        function = function.__func__
    return function.__code__ if isinstance(function, FunctionType) else None


# The globals of the modules that spawn on behalf of their callers.
_on_behalf: list[dict[str, Any]] = []


def spawns_on_behalf(names: dict[str, Any]) -> None:
    """Let frames with these globals count as no place of spawning: their callers' lines are recorded instead."""
    if not any(each is names for each in _on_behalf):
        _on_behalf.append(names)


def _is_on_behalf(frame: Any) -> bool:
    return any(each is frame.f_globals for each in _on_behalf)


def attach_to_hub(target: Fiber, hub: Any) -> None:
    """Make `hub` the parent of a new greenlet, copy the current context (contextvars), record the caller's line."""
    target.parent = hub
    target.hub = hub
    target.gr_context = copy_context()
    frame: Any = sys._getframe(1)
    # Skip greenrt's own frames: compiled modules have none.
    while frame.f_back is not None and (
        frame.f_globals.get("__name__", "").startswith("greenrt._") or _is_on_behalf(frame)
    ):
        frame = frame.f_back
    target._site_code = frame.f_code
    target._site_offset = frame.f_lasti
