"""gevent.timeout: greenrt's Timeout."""

from greenrt._hub.timeout import Timeout, with_timeout
from greenrt.compat._missing import missing_names

__all__ = ["Timeout", "with_timeout"]

__getattr__ = missing_names(__name__, {})
