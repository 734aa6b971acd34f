"""gevent.timeout: greenrt's Timeout."""

from collections.abc import Callable

from greenrt._hub.timeout import Timeout, with_timeout
from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = ["Timeout", "with_timeout"]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
