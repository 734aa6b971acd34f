"""The standard library's `selectors` module over the cooperative `select`."""

# This module redefines the names of the standard module on purpose.
# mypy: disable-error-code="no-redef,attr-defined,assignment,misc"

import selectors as _stdlib
from selectors import *  # noqa: F403

from greenrt._typing import Any
from greenrt.green import select as _select
from greenrt.green._twin import public_names

__all__ = public_names(_stdlib)


class SelectSelector(_stdlib.SelectSelector):
    """See `selectors.SelectSelector`; `select` suspends only the greenlet."""

    _select = staticmethod(_select.select)


DefaultSelector: type[_stdlib.BaseSelector] = SelectSelector

if hasattr(_stdlib, "PollSelector"):

    class PollSelector(_stdlib.PollSelector):
        """See `selectors.PollSelector`; `select` suspends only the greenlet."""

        _selector_cls = _select.poll

    DefaultSelector = PollSelector

if hasattr(_stdlib, "EpollSelector"):

    class EpollSelector(_stdlib.EpollSelector):
        """See `selectors.EpollSelector`; `select` suspends only the greenlet."""

        _selector_cls = _select.epoll

    DefaultSelector = EpollSelector


def __getattr__(name: str) -> Any:
    return getattr(_stdlib, name)
