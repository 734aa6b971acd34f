"""Relay: a link of one object that passes on another."""

from collections.abc import Callable

from greenrt._arguments import check_callable
from greenrt._hub.links import Link
from greenrt._typing import Any

__all__ = ["Relay"]


class Relay(Link):
    """A link whose callback gets `source`, whatever object the link belongs to.

    Arguments: `callback`, the callable; `source`, its argument. Raises TypeError if `callback` is not callable.
    """

    def __init__(self, callback: Callable[[Any], object], source: object) -> None:
        check_callable(callback, "callback")
        super().__init__(callback)
        self._source = source

    def notify(self, source: Any) -> None:
        """See `Notifier.notify`."""
        super().notify(self._source)
