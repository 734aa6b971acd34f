"""signalfd(2) (plain twin: Python has no call for it)."""

from greenrt._typing import Any

__all__ = ["signalfd"]


def signalfd(signals: Any) -> int:
    """Return a new fd that is readable while one of `signals` is pending for the calling thread; -1: there is none.

    The signals must be blocked. The fd is non-blocking and is closed by exec.
    """
    return -1
