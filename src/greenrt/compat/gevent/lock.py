"""gevent.lock: greenrt's semaphores and RLock."""

from greenrt.compat._missing import missing_names
from greenrt.sync import BoundedSemaphore, DummySemaphore, RLock, Semaphore

__all__ = ["BoundedSemaphore", "DummySemaphore", "RLock", "Semaphore"]

__getattr__ = missing_names(__name__, {})
