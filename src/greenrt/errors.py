"""Every exception of greenrt; each says whose bug it is.

gevent's names are kept where gevent has one.
"""

from greenlet import GreenletExit

from greenrt._typing import Any

__all__ = [
    "BlockingInHub",
    "BlockingSwitchOutError",
    "Cancelled",
    "ConcurrentObjectUseError",
    "Finalized",
    "GreenletExit",
    "HubDestroyed",
    "InvalidSwitchError",
    "InvalidThreadUseError",
    "LoopClosed",
    "LoopExit",
    "WouldDeadlock",
    "WrongThread",
    "as_exception",
]


class LoopExit(Exception):
    """Nothing can wake the main greenlet any more; usually a programming error (a deadlock).

    The text lists each parked greenlet, what it waits on and where it was spawned. As in gevent, ``args`` is
    ``(message, hub, parked)``.
    """

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class BlockingSwitchOutError(AssertionError):
    """A blocking call was made where nothing may block; usually a programming error."""


class BlockingInHub(BlockingSwitchOutError):
    """A callback that the hub runs made a blocking call; spawn a greenlet for it instead."""


class InvalidSwitchError(AssertionError):
    """A parked greenlet was switched to by something other than its wake; usually a programming error."""


class ConcurrentObjectUseError(AssertionError):
    """Two greenlets use at once what only one may use at a time; usually a programming error."""


class InvalidThreadUseError(RuntimeError):
    """An object was used from a native thread it does not belong to; usually a programming error."""


class WrongThread(InvalidThreadUseError):
    """A method of a loop was called from a thread that does not own the loop."""


class LoopClosed(RuntimeError):
    """The loop is closed: what was handed to it did not run and will not."""


class Cancelled(RuntimeError):
    """The call was dropped before it was made, or is made in a process that the waiter no longer is in."""


class Finalized(RuntimeError):
    """The watcher has been finalized; make a new one. Raised also in its waiters at that time."""


class WouldDeadlock(RuntimeError):
    """What was to be waited for can't happen before the wait is over; usually a programming error."""


class HubDestroyed(GreenletExit):
    """Raised in greenlets whose hub was destroyed while they were parked."""

    def __init__(self, destroy_loop: Any = None) -> None:
        super().__init__(destroy_loop)
        self.destroy_loop = destroy_loop


def as_exception(given: Any) -> BaseException:
    """Return an exception instance for a class, an instance or a (type, value, traceback).

    TypeError for anything else.
    """
    if isinstance(given, tuple) and len(given) == 3:
        kind, value, traceback = given
        if isinstance(value, BaseException):
            made = value
        else:
            made = as_exception(kind) if value is None else kind(value)
        return made.with_traceback(traceback) if traceback is not None else made
    made = given() if isinstance(given, type) else given
    if not isinstance(made, BaseException):
        raise TypeError(f"only an exception can be thrown into a greenlet, not {given!r}")
    return made
