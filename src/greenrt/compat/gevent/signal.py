"""gevent.signal: the standard library's `signal` module, whose handlers may wait."""

import signal as _standard
from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._standard import mirror
from greenrt.green import signal as _twin

__implements__ = ["signal", "getsignal", "set_wakeup_fd"]
__extensions__: list[str] = []

__all__ = mirror(globals(), _standard, _twin, ("signal",))
__imports__ = [name for name in __all__ if name not in __implements__]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
