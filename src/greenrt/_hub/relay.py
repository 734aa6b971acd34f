"""Relay: a link of one object that passes on another."""

from collections.abc import Callable

from greenrt._hub.links import Notifier, as_link
from greenrt._typing import Any

__all__ = ["Relay"]


class Relay(Notifier):
    """Notify a link of `source`, whatever object the relay itself is linked to.

    Arguments: `callback`, the link, a callable or a Notifier; `source`, the object that it gets.
    """

    def __init__(self, callback: Callable[[Any], object], source: object) -> None:
        self._link: Any = as_link(callback)
        self._source = source

    def notify(self, source: Any) -> None:
        """See `Notifier.notify`."""
        self._link.notify(self._source)

    def is_of(self, callback: Any) -> bool:
        """See `Notifier.is_of`."""
        return bool(self._link.is_of(callback))
