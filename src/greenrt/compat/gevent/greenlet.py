"""gevent.greenlet: greenrt's Greenlet, joinall and killall."""

from collections.abc import Callable

from greenrt._hub.greenlet import Greenlet
from greenrt._hub.wait_many import joinall, killall
from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = ["Greenlet", "joinall", "killall"]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
