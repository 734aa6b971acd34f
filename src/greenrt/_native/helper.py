"""greenrt's own native threads, which block all signals (plain twin)."""

import _signal
from collections.abc import Callable

from greenrt import _original
from greenrt._typing import Any

__all__ = ["admit_signals", "refuse_signals", "start_helper"]

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
