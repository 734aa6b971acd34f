"""The signals that a green thread blocks. Each has its own set, though all share the mask of one native thread."""

import errno
import os
import signal as _stdlib
from operator import index

from greenrt import _original
from greenrt._native.switch import current_or_last
from greenrt._typing import Any
from greenrt.green.thread import is_green_thread

__all__ = ["as_signal", "pthread_sigmask"]

_native_sigmask: Any = getattr(_stdlib, "pthread_sigmask", None)


def pthread_sigmask(how: int, mask: Any, /) -> set[Any]:
    """Change which signals this thread blocks; return the set that it blocked before. See `signal.pthread_sigmask`.

    Signals that a green thread blocks are stored, but still arrive: in CPython another thread would get them, and
    handlers run in the main thread anyway. (multiprocessing's helper threads block all signals.) If the native thread
    blocks a signal and a green thread unblocks it, it is unblocked for all. Processes that a green thread starts
    block the signals of the native thread's mask.
    """
    thread: Any = current_or_last()
    if not is_green_thread(thread):
        return set(_native_sigmask(how, mask))
    signals: set[Any] = set()
    for number in map(index, mask):
        if number not in _stdlib.valid_signals():
            raise ValueError(f"signal number {number} out of range [1; {_stdlib.NSIG - 1}]")
        signals.add(as_signal(number))
    native = set(_native_sigmask(_stdlib.SIG_BLOCK, ()))
    before: set[Any] = native | thread.blocked
    if how == _stdlib.SIG_BLOCK:
        after = before | signals
    elif how == _stdlib.SIG_UNBLOCK:
        after = before - signals
    elif how == _stdlib.SIG_SETMASK:
        after = signals
    else:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    _original.pthread_sigmask(_stdlib.SIG_UNBLOCK, before - after - thread.blocked)
    thread.blocked = (thread.blocked | (after - native)) & after
    return before


def as_signal(number: int) -> int:
    """Return the member of the enum, if there is one (SIGRTMIN + 1 has none)."""
    try:
        return _stdlib.Signals(number)
    except ValueError:
        return number
