"""zope.interface and zope.event if they are installed, else stand-ins: gevent's events need only names of theirs."""

from collections.abc import Callable

from greenrt._typing import Any

__all__ = ["Attribute", "Interface", "implementer", "notify", "subscribers"]

Attribute: Any
Interface: Any
implementer: Any
subscribers: list[Callable[[Any], object]]

try:
    from zope.event import (  # type: ignore[import-untyped,import-not-found,no-redef,unused-ignore]
        notify,
        subscribers,
    )
except ImportError:
    subscribers = []

    def notify(event: Any) -> None:
        """Pass `event` to each subscriber."""
        for subscriber in subscribers:
            subscriber(event)


try:
    from zope.interface import (  # type: ignore[import-untyped,import-not-found,no-redef,unused-ignore]
        Attribute,
        Interface,
        implementer,
    )
except ImportError:

    class Attribute:  # type: ignore[no-redef]
        """An attribute of an interface."""

        def __init__(self, doc: str = "") -> None:
            self.__doc__ = doc

    class Interface:  # type: ignore[no-redef]
        """The base of interfaces."""

    def implementer(*interfaces: Any) -> Any:
        """Return a class decorator that does nothing."""
        return lambda kind: kind
