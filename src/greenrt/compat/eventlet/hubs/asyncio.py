"""eventlet.hubs.asyncio: the name of eventlet's hub over asyncio, for `isinstance`."""

from typing import NoReturn

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
