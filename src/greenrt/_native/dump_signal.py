"""A signal handler that makes an fd readable, for a dump that another thread makes (plain twin).

A handler in C needs a compiler. This one is called as soon as the main thread reaches Python code.
"""

from _signal import SIG_DFL, SIG_IGN
from types import FrameType

from greenrt import _original
from greenrt._native.ping import ping
from greenrt._typing import Any

__all__ = ["HANDLERS", "begin_answer", "catch", "end", "end_answer", "is_free", "set_fd", "show_stacks_in"]

_fds = [-1]
_caught: list[int] = []


def _on_signal(number: int, frame: FrameType | None) -> None:
    if _fds[0] >= 0:
        ping(_fds[0])


# The handlers that `signal.getsignal` shows. They wake up no greenlet.
HANDLERS: tuple[Any, ...] = (_on_signal,)


def is_free(number: int) -> bool:
    """Return whether signal `number` has its default action, or has had `catch` already.

    Handlers that C code has set, such as faulthandler's, are not seen.
    """
    return _original.get_signal(number) in (SIG_DFL, _on_signal)


def catch(number: int) -> None:
    """Make each signal `number` make the fd of `set_fd` readable. Only the main thread may call this."""
    _original.set_signal(number, _on_signal)
    _caught.append(number)


def set_fd(fd: int) -> None:
    """Set the fd, the non-blocking write end of a pipe or an eventfd(2); -1 for none."""
    _fds[0] = fd


def end() -> None:
    """Ignore the signals from here on, at the end of the process. Only the main thread may call this."""
    set_fd(-1)
    for number in _caught:
        # While the interpreter is finalized, Python restores the default action of signals with a handler in Python.
        if _original.get_signal(number) is _on_signal:
            _original.set_signal(number, SIG_IGN)


def begin_answer() -> None:
    """Do nothing: only the handler in C notes which signals have no answer."""


def end_answer() -> None:
    """Do nothing: see `begin_answer`."""


def show_stacks_in(fd: int) -> None:
    """Do nothing: only a handler in C is called while a call in C keeps the GIL."""
