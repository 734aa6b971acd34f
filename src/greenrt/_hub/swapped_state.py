"""State of a native thread that each of its greenlets has to itself."""

from collections.abc import Callable

from greenlet import greenlet

from greenrt._native.switch import resume
from greenrt._typing import Any

__all__ = ["resume_apart"]


def resume_apart(swap: Callable[[Any], Any], mine: Any, target: greenlet) -> None:
    """Switch to `target`, and afterwards put back `mine`, the caller's state, which ``swap(None)`` has returned.

    `swap(state)` puts a state in the place of the present one and returns that; None is that of a new greenlet.
    """
    try:
        resume(target)
    finally:
        swap(mine)
