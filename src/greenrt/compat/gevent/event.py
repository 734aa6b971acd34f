"""gevent.event: greenrt's Event and AsyncResult."""

from collections.abc import Callable

from greenrt._hub.latch import Latch as AbstractLinkable
from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.sync import AsyncResult, Event

__all__ = ["AbstractLinkable", "AsyncResult", "Event"]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
