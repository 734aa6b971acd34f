"""gevent.greenlet: greenrt's Greenlet, joinall and killall."""

from greenrt._hub.greenlet import Greenlet
from greenrt._hub.wait_many import joinall, killall
from greenrt.compat._missing import missing_names

__all__ = ["Greenlet", "joinall", "killall"]

__getattr__ = missing_names(__name__, {})
