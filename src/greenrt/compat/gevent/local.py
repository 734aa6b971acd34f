"""gevent.local: greenrt's greenlet-local data."""

from greenrt._hub.local import all_local_dicts_for_greenlet, local
from greenrt.compat._missing import missing_names

__all__ = ["all_local_dicts_for_greenlet", "local"]

__getattr__ = missing_names(__name__, {})
