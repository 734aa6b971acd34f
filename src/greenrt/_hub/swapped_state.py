"""State of a native thread of which each greenlet has its own copy."""

from collections.abc import Callable

from greenlet import greenlet

from greenrt._native.switch import resume
from greenrt._typing import Any

__all__ = ["resume_apart"]


def resume_apart(swap: Callable[[Any], Any], mine: Any, target: greenlet) -> None:
    """Switch to `target`; afterwards restore `mine`, the caller's state, which ``swap(None)`` has returned.

    `swap(state)` replaces the current state by `state` and returns the previous one. None is the state of a new
    greenlet.
    """
    try:
        resume(target)
    finally:
        swap(mine)
