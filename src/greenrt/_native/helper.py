"""greenrt's own native threads, which block all signals (plain twin)."""

import _signal
import time
from collections.abc import Callable

from greenrt import _original
from greenrt._native.thread import monotonic
from greenrt._typing import Any

__all__ = ["Pause", "admit_signals", "refuse_signals", "start_helper"]

# These stay unblocked: a blocked fault ends the process without output from faulthandler.
_FAULTS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGSYS", "SIGTRAP")
_SIGNALS = _signal.valid_signals() - {getattr(_signal, name, None) for name in _FAULTS}

_local = _original.thread_local()


def start_helper(function: Callable[..., object], args: tuple[Any, ...]) -> None:
    """Start a native thread that calls ``function(*args)``; it blocks all signals from its first instruction on.

    libuv's threads do the same. If the program blocks a signal in its own threads to wait for it there, the kernel
    would deliver the signal to any other thread that does not block it, and that may end the process. Raises
    RuntimeError if no more threads can be started.
    """
    # A call of its own: a signal handler that raises in the next call would lose the mask.
    outer = _original.pthread_sigmask(_signal.SIG_BLOCK, ())
    try:
        _original.pthread_sigmask(_signal.SIG_BLOCK, _SIGNALS)
        # The new thread inherits the mask.
        _original.start_new_thread(_run, (function, args, outer))
    finally:
        _original.pthread_sigmask(_signal.SIG_SETMASK, outer)


def _run(function: Callable[..., object], args: tuple[Any, ...], outer: set[int]) -> None:
    _local.outer = outer
    function(*args)


def admit_signals() -> None:
    """Restore the signal mask that the thread had which started this helper; before the helper runs user code.

    Child processes inherit the mask: otherwise they would block SIGTERM forever.
    """
    _original.pthread_sigmask(_signal.SIG_SETMASK, _local.outer)


def refuse_signals() -> None:
    """Block all signals again; after the helper has run user code."""
    _original.pthread_sigmask(_signal.SIG_BLOCK, _SIGNALS)


class Pause:
    """A pause of a helper thread that another thread can end; it measures when the pause was over.

    Attribute: `over_at`, the time (CLOCK_MONOTONIC, seconds) at which the last `wait` was over, before the thread
    waited for the GIL. (Here the time is a guess: Python code can't read a clock without the GIL. A wait that took
    too long while the process used no processor time counts as one in which the whole process was stopped.)
    """

    __slots__ = ("_ended", "_lock", "over_at")

    def __init__(self) -> None:
        self._lock = _original.allocate_lock()
        self._lock.acquire()
        self._ended = False
        self.over_at = monotonic()

    def wait(self, seconds: float) -> bool:
        """Wait for `seconds`; return True, or False as soon as `end` was called."""
        began, used = monotonic(), time.process_time()
        ended = self._lock.acquire(timeout=seconds)
        if ended:
            self._ended = False
        now = monotonic()
        late = now - began - seconds
        stopped = ended or time.process_time() - used < late / 10
        self.over_at = now if stopped else began + seconds
        return not ended

    def end(self) -> None:
        """End the current `wait`, or the next one. Any thread may call this. Several calls end the same `wait`."""
        if not self._ended:
            self._ended = True
            self._lock.release()
