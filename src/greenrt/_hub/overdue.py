"""A system error for a main greenlet that has been woken, but has not run yet."""

from greenrt._hub import slot
from greenrt._hub.delivery import take_back
from greenrt._hub.park import shadow
from greenrt._native.switch import current
from greenrt._typing import Any

__all__ = ["hasten"]


def hasten(main: Any, error: BaseException) -> None:
    """If `error` waits for the next park of `main`, raise it as soon as that runs.

    Its wait ends with what it was woken with, so that nothing is lost that was handed to it; the error comes just
    after, as that of a signal handler would. Else Ctrl-C would not be heard by a main greenlet that goes on to
    compute, or to end. In other threads than the main one, which hear of no signals, the error goes on to wait.
    """
    holder = shadow(main)
    if not slot.on_main_thread() or not _waits(holder, error):
        return

    def come() -> None:
        # Not if the next park came first.
        if current() is main and _waits(holder, error):
            take_back(main, error)
            raise error

    holder.due = come


def _waits(holder: Any, error: BaseException) -> bool:
    return any(other is error for other in holder.pending or ())
