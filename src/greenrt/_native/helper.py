"""Native threads of greenrt's own, which no signal interrupts (plain twin)."""

import _signal
from collections.abc import Callable

from greenrt import _original
from greenrt._typing import Any

__all__ = ["admit_signals", "refuse_signals", "start_helper"]

# A fault that is blocked ends the process without a word (faulthandler).
_FAULTS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGSYS", "SIGTRAP")
_SIGNALS = _signal.valid_signals() - {getattr(_signal, name, None) for name in _FAULTS}

_local = _original.thread_local()


def start_helper(function: Callable[..., object], args: tuple[Any, ...]) -> None:
    """Start a native thread that calls ``function(*args)``; it blocks all signals from its first instruction on.

    As libuv's threads do. A signal that the program blocks in its own threads, to wait for it there, would go to any
    other that does not block it, and may end the process. RuntimeError if there can be no more threads.
    """
    # Asked for by itself: a handler that raises in the next call must not take the answer with it.
    outer = _original.pthread_sigmask(_signal.SIG_BLOCK, ())
    try:
        _original.pthread_sigmask(_signal.SIG_BLOCK, _SIGNALS)
        # It inherits the mask.
        _original.start_new_thread(_run, (function, args, outer))
    finally:
        _original.pthread_sigmask(_signal.SIG_SETMASK, outer)


def _run(function: Callable[..., object], args: tuple[Any, ...], outer: set[int]) -> None:
    _local.outer = outer
    function(*args)


def admit_signals() -> None:
    """Block only what the thread that started this helper blocked then: what runs now is the program's.

    Child processes inherit the mask: they would block SIGTERM for good.
    """
    _original.pthread_sigmask(_signal.SIG_SETMASK, _local.outer)


def refuse_signals() -> None:
    """Block all signals again."""
    _original.pthread_sigmask(_signal.SIG_BLOCK, _SIGNALS)
