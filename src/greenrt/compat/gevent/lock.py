"""gevent.lock: greenrt's semaphores and RLock."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.sync import BoundedSemaphore, DummySemaphore, RLock, Semaphore

__all__ = ["BoundedSemaphore", "DummySemaphore", "RLock", "Semaphore"]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
