"""eventlet.support.greenlets: the names of the package `greenlet`."""

from greenlet import GreenletExit, getcurrent, greenlet

__all__ = ["GreenletExit", "getcurrent", "greenlet"]
