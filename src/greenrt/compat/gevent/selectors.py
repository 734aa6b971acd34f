"""gevent.selectors: the standard library's `selectors` module, cooperative."""

import selectors as _standard
from collections.abc import Callable
from os import fstat

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


class _Selector(_twin.PollSelector):
    """gevent's selector on watchers of its loop: like that, it has no descriptor of its own."""

    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
        """Watch a file; see `selectors.BaseSelector.register`. Raises ValueError for a closed descriptor too."""
        key = super().register(fileobj, events, data)
        try:
            fstat(key.fd)
        except OSError as error:
            self.unregister(fileobj)
            raise ValueError(f"Invalid file object: {fileobj!r}") from error
        return key


_Selector.__name__ = _Selector.__qualname__ = "GeventSelector"
GeventSelector: Any = _Selector


def _follow(_: str) -> None:
    global GeventSelector
    GeventSelector = _standard.DefaultSelector


subscribe("did_patch", _follow, "select")

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
