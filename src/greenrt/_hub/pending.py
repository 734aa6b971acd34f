"""Errors for greenlets that wait: thrown at the park, or kept for the next one if the greenlet is awake already."""

from greenlet import greenlet

from greenrt._hub import current_hub
from greenrt._hub.park import HubCore, parked, shadow
from greenrt._native.switch import Fiber, current
from greenrt._typing import Any

__all__ = ["deliver", "hasten", "postpone", "take_back"]


def _holder(target: greenlet) -> Any:
    return target if isinstance(target, Fiber) else shadow(target)


def _keep(target: greenlet, error: BaseException) -> None:
    holder = _holder(target)
    if holder._pending is None:
        holder._pending = []
    holder._pending.append(error)


def deliver(hub: HubCore, target: greenlet, error: BaseException) -> bool:
    """Throw `error` at a started greenlet of this thread: at its park, or, if it is woken already, at its next.

    Return False if it is in no park (dead, or suspended by hand): the caller decides. Never switches.
    """
    park: Any = parked(target)
    if park is None:
        return False
    if not park.fail(error):
        _keep(target, error)
    return True


def postpone(error: BaseException) -> None:
    """Raise `error`, which came at a wait that must not end yet, at the next park of the calling greenlet."""
    _keep(current(), error)


def take_back(target: greenlet, error: BaseException) -> None:
    """Forget `error` if it waits for the next park of `target`."""
    pending = _holder(target)._pending
    if pending:
        pending[:] = [other for other in pending if other is not error]


def hasten(main: Any, error: BaseException) -> None:
    """If `error` waits for the next park of `main`, raise it as soon as that runs.

    Its wait ends with what it was woken with, so that nothing is lost that was handed to it; the error comes just
    after, as that of a signal handler would. Else Ctrl-C would not be heard by a main greenlet that goes on to
    compute, or to end. In other threads than the main one, which hear of no signals, the error goes on to wait.
    """
    holder = shadow(main)
    if not current_hub.on_main_thread() or not _waits(holder, error):
        return

    def come() -> None:
        # Not if the next park came first.
        if current() is main and _waits(holder, error):
            take_back(main, error)
            raise error

    holder.due = come


def _waits(holder: Any, error: BaseException) -> bool:
    return any(other is error for other in holder._pending or ())
