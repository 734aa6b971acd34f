"""eventlet.hubs.epolls: the name of a hub of eventlet's. greenrt has one hub, over epoll."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from .hub import Hub

__all__ = ["Hub", "is_available"]


def is_available() -> bool:
    """Return True: greenrt's hub is used, whatever the name."""
    return True


__getattr__: Callable[[str], Any] = missing_names(__name__)
