"""Errors for parked greenlets. If the greenlet was woken already, the error waits for its next park."""

from greenlet import greenlet

from greenrt._hub import current_hub
from greenrt._hub.park import HubCore, parked, shadow, state_of
from greenrt._native.switch import Fiber, current
from greenrt._typing import Any

__all__ = ["deliver", "postpone", "raise_soon", "take_back"]


def _keep(target: greenlet, error: BaseException) -> None:
    state = state_of(target)
    # Made first: a garbage collection may run a finalizer, which may keep an error here too.
    made: list[BaseException] = []
    if state._pending is None:
        state._pending = made
    state._pending.append(error)


def deliver(hub: HubCore, target: greenlet, error: BaseException) -> bool:
    """Throw `error` at a started greenlet of this thread, at its park; if it was woken already, at its next park.

    Return False if the greenlet is not parked (dead, or suspended by hand): the caller decides. Never switches.
    """
    park: Any = parked(target)
    if park is None:
        return False
    if not park.fail(error):
        _keep(target, error)
    return True


def postpone(error: BaseException) -> None:
    """Raise `error` at the next park of the calling greenlet, because its present wait must not end yet."""
    _keep(current(), error)


def take_back(target: greenlet, error: BaseException) -> None:
    """Drop `error` if it is pending for the next park of `target`."""
    pending = state_of(target)._pending
    if pending:
        pending[:] = [other for other in pending if other is not error]


def raise_soon(main: Any, error: BaseException) -> None:
    """If `error` is pending for the next park of `main`, raise it as soon as `main` runs.

    The present wait of `main` returns its result, so that no item or lock is lost. The error follows immediately,
    like the error of a signal handler. Otherwise Ctrl-C would have no effect on a main greenlet that computes or ends
    without another wait. In other threads the error stays pending: they get no signals. So does the error of a green
    thread that a fork has made the main thread: a fiber runs nothing at its resumption.
    """
    if isinstance(main, Fiber):
        return
    holder = shadow(main)
    if not current_hub.on_main_thread() or not _waits(holder, error):
        return

    def raise_error() -> None:
        # Unless the next park has raised it already.
        if current() is main and _waits(holder, error):
            take_back(main, error)
            raise error

    holder.due = raise_error


def _waits(holder: Any, error: BaseException) -> bool:
    return any(other is error for other in holder._pending or ())
