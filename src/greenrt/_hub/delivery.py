"""Errors for greenlets that are parked: thrown at the park, or kept for the next one if that has ended."""

from greenlet import greenlet

from greenrt._hub.park import HubCore, parked, shadow
from greenrt._native.switch import Fiber, current
from greenrt._typing import Any

__all__ = ["deliver", "postpone", "take_back"]


def _holder(target: greenlet) -> Any:
    return target if isinstance(target, Fiber) else shadow(target)


def _keep(target: greenlet, error: BaseException) -> None:
    holder = _holder(target)
    if holder.pending is None:
        holder.pending = []
    holder.pending.append(error)


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
    pending = _holder(target).pending
    if pending:
        pending[:] = [other for other in pending if other is not error]
