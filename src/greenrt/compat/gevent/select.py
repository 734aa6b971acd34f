"""gevent.select: the standard library's `select` module, cooperative."""

import select as _standard
from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._standard import mirror
from greenrt.green import select as _twin

__implements__ = ["select", "poll"]

__all__ = mirror(globals(), _standard, _twin, ("select",))
__imports__ = [name for name in __all__ if name not in __implements__]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
