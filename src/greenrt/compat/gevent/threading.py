"""gevent.threading: the standard library's `threading` module over greenlets."""

import threading as _standard
from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._standard import mirror
from greenrt.green import threading as _twin

__implements__ = ["local", "Lock", "RLock", "Thread", "Timer", "get_ident"]

__all__ = mirror(globals(), _standard, _twin, ("thread",))
__imports__ = [name for name in __all__ if name not in __implements__]
__all__ += ["main_native_thread"]


def main_native_thread() -> _standard.Thread:
    """Return the object of the main thread."""
    return _standard.main_thread()


__getattr__: Callable[[str], Any] = missing_names(__name__, {})
