"""gevent.selectors: the standard library's `selectors` module, cooperative."""

import selectors as _standard
from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._standard import mirror
from greenrt.green import selectors as _twin
from greenrt.monkey.subscribers import subscribe

__implements__ = ["DefaultSelector"]
__extensions__ = ["GeventSelector"]

__all__ = mirror(globals(), _standard, _twin, ("select",))
__imports__ = [name for name in __all__ if name not in __implements__]
__all__ += __extensions__

# gevent's selector on watchers of its loop. The cooperative default selector serves as many descriptors.
GeventSelector = _twin.DefaultSelector


def _follow(_: str) -> None:
    global GeventSelector
    GeventSelector = _standard.DefaultSelector


subscribe("did_patch", _follow, "select")

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
