"""eventlet.hubs.kqueue: the name of a hub of eventlet's. greenrt has one hub, over epoll."""

from .hub import Hub

__all__ = ["Hub", "is_available"]


def is_available() -> bool:
    """Return False: greenrt's hub is over epoll."""
    return False
