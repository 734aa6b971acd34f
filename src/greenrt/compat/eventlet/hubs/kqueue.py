"""eventlet.hubs.kqueue: the name of a hub of eventlet's. greenrt has one hub, over epoll."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from .hub import Hub

__all__ = ["Hub", "is_available"]


def is_available() -> bool:
    """Return False: greenrt's hub is over epoll."""
    return False


__getattr__: Callable[[str], Any] = missing_names(__name__)
