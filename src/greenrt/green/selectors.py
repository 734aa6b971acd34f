"""The standard library's `selectors` module over the cooperative `select`."""

# The names of the standard module are defined anew, which is the point.
# mypy: disable-error-code="no-redef,attr-defined,assignment,misc"

import selectors as _stdlib
from selectors import *  # noqa: F403
from typing import Any

from greenrt.green import select as _select

__all__ = [name for name in dir(_stdlib) if not name.startswith("_")]


class SelectSelector(_stdlib.SelectSelector):
    """See `selectors.SelectSelector`; `select` suspends the greenlet only."""

    _select = staticmethod(_select.select)


# What patching replaces on the standard classes, which hold what they found in `select`.
METHODS: dict[type, dict[str, Any]] = {
    _stdlib.SelectSelector: {"_select": staticmethod(_select.select)},
}

_best: type[_stdlib.BaseSelector] = SelectSelector

if hasattr(_stdlib, "PollSelector"):

    class PollSelector(_stdlib.PollSelector):
        """See `selectors.PollSelector`; `select` suspends the greenlet only."""

        _selector_cls = _select.poll

    _best = PollSelector
    METHODS[_stdlib.PollSelector] = {"_selector_cls": _select.poll}

if hasattr(_stdlib, "EpollSelector"):

    class EpollSelector(_stdlib.EpollSelector):
        """See `selectors.EpollSelector`; `select` suspends the greenlet only."""

        # Patching needs nothing here: it replaces the `poll` of epoll objects themselves.
        _selector_cls = _select.epoll

    _best = EpollSelector

globals()["DefaultSelector"] = _best


def __getattr__(name: str) -> Any:
    return getattr(_stdlib, name)
