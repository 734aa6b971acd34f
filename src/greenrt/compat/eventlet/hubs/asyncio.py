"""eventlet.hubs.asyncio: the name of eventlet's hub over asyncio, for `isinstance`."""

from collections.abc import Callable
from typing import NoReturn

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = ["Hub", "is_available"]


class Hub:
    """A class without instances: greenrt has one hub, over its own loop."""

    def __init__(self) -> None:
        _refuse()


def _refuse() -> NoReturn:
    from . import HubError

    raise HubError("greenrt has no asyncio hub; use greenrt's own hub, and asyncio in a thread of its own")


def is_available() -> bool:
    """Return False."""
    return False


__getattr__: Callable[[str], Any] = missing_names(__name__)
