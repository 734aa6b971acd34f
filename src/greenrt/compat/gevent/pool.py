"""gevent.pool: greenrt's Group and Pool."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.sync import Group, Pool, PoolFull

__all__ = ["Group", "Pool", "PoolFull"]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
