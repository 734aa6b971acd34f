"""gevent.thread: the standard library's `_thread` module over greenlets."""

import _thread as _standard
from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._standard import mirror
from greenrt.green import thread as _twin

__target__ = "_thread"
__implements__ = [
    "allocate_lock",
    "get_ident",
    "exit",
    "LockType",
    "stack_size",
    "start_new_thread",
    "_local",
]

__all__ = mirror(globals(), _standard, _twin, ("thread",))
__imports__ = [name for name in __all__ if name not in __implements__]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
