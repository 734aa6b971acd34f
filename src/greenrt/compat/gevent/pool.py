"""gevent.pool: greenrt's Group and Pool."""

from greenrt.compat._missing import missing_names
from greenrt.sync import Group, Pool, PoolFull

__all__ = ["Group", "Pool", "PoolFull"]

__getattr__ = missing_names(__name__, {})
