"""gevent.local: greenrt's greenlet-local data."""

from collections.abc import Callable

from greenrt._hub.local import all_local_dicts_for_greenlet, local
from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = ["all_local_dicts_for_greenlet", "local"]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
