"""The exceptions of greenrt. Each docstring says whether the cause is usually a programming error.

Where gevent has an exception for the same purpose, it has the same name here.
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
    """Nothing can wake up the main greenlet any more; usually a programming error (a deadlock).

    The message lists each parked greenlet, what it waits for and where it was spawned. After gc.freeze(), it also
    says about how many greenlets could not be found. As in gevent, ``args`` is ``(message, hub, parked)``.
    """

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class BlockingSwitchOutError(AssertionError):
    """Code made a blocking call where blocking is not allowed; usually a programming error."""


class BlockingInHub(BlockingSwitchOutError):
    """A callback that the hub runs made a blocking call; spawn a greenlet for the call instead."""


class InvalidSwitchError(AssertionError):
    """A switch to a parked greenlet did not come from a wake; usually a programming error."""


class ConcurrentObjectUseError(AssertionError):
    """Two greenlets use an object at once that allows one user; usually a programming error."""


class InvalidThreadUseError(RuntimeError):
    """An object was used in a native thread that does not own it; usually a programming error."""


class WrongThread(InvalidThreadUseError):
    """A method of a loop was called in a thread that does not own the loop."""


class LoopClosed(RuntimeError):
    """The loop is closed: the callback that was handed to it did not run and will not run."""


class Cancelled(RuntimeError):
    """The call was cancelled before it was made, or it runs in the parent of the waiter's process."""


class Finalized(RuntimeError):
    """The watcher is finalized; make a new one. Also raised in greenlets that wait for it at that time."""


class WouldDeadlock(RuntimeError):
    """The event to wait for can't happen before the wait ends; usually a programming error."""


class HubDestroyed(GreenletExit):
    """The greenlet's hub was destroyed while the greenlet was parked; raised in that greenlet.

    destroy_loop: the argument of `Hub.destroy`; None if it is not known.
    """

    def __init__(self, destroy_loop: bool | None = None) -> None:
        super().__init__(destroy_loop)
        self.destroy_loop = destroy_loop


def as_exception(given: object) -> BaseException:
    """Return an exception instance for a class, an instance or a tuple (type, value, traceback).

    Raises TypeError for anything else.
    """
    if isinstance(given, tuple) and len(given) == 3:
        kind, value, traceback = given
        if isinstance(value, BaseException):
            made: Any = value
        else:
            made = as_exception(kind) if value is None else kind(value)
        return made.with_traceback(traceback) if traceback is not None else made  # type: ignore[no-any-return]
    made = given() if isinstance(given, type) else given
    if not isinstance(made, BaseException):
        raise TypeError(f"only an exception can be thrown into a greenlet, not {given!r}")
    return made
