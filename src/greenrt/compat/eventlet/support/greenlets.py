"""eventlet.support.greenlets: the names of the package `greenlet`."""

from collections.abc import Callable

from greenlet import GreenletExit, getcurrent, greenlet

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = ["GreenletExit", "getcurrent", "greenlet"]

__getattr__: Callable[[str], Any] = missing_names(__name__)
