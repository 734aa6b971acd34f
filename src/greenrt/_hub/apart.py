"""State of a native thread that each of its greenlets has to itself."""

from collections.abc import Callable

from greenlet import greenlet

from greenrt._native.switch import resume
from greenrt._typing import Any

__all__ = ["resume_apart"]


def resume_apart(swap: Callable[[Any], Any], target: greenlet) -> None:
    """Switch to `target`, which shall not see the caller's state, and put that back afterwards.

    `swap(state)` puts a state in the place of the present one and returns that; None is that of a new greenlet.
    """
    mine = swap(None)
    try:
        resume(target)
    finally:
        if mine is not None:
            swap(mine)
