"""signalfd(2), a file descriptor that reports blocked signals (plain twin: Python has no such call)."""

from greenrt._typing import Any

__all__ = ["signalfd"]


def signalfd(signals: Any) -> int:
    """Return a new fd that is readable while one of `signals` is pending for the calling thread; -1 on failure.

    The caller must have blocked the signals. The fd is non-blocking, and exec closes it.
    """
    return -1
