"""eventlet's interface over greenrt: `greenrt.compat.install("eventlet")` makes ``import eventlet`` find it.

The interface is that of eventlet 0.41.0. Greenthreads are greenrt's greenlets, and the hub is greenrt's.
"""

from collections.abc import Callable

from greenlet import getcurrent

import greenrt
from greenrt._alias import VERSIONS
from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from . import (
    convenience,
    event,
    greenpool,
    greenthread,
    hubs,
    patcher,
    queue,
    semaphore,
    support,
    timeout,
)
from .convenience import StopServe, connect, listen, serve, wrap_ssl
from .event import Event
from .greenpool import GreenPile, GreenPool
from .greenthread import kill, sleep, spawn, spawn_after, spawn_n
from .patcher import import_patched, monkey_patch
from .queue import Queue
from .semaphore import BoundedSemaphore, CappedSemaphore, Semaphore
from .timeout import Timeout, is_timeout, with_timeout, wrap_is_timeout

__all__ = [
    "BoundedSemaphore",
    "CappedSemaphore",
    "Event",
    "GreenPile",
    "GreenPool",
    "Queue",
    "Semaphore",
    "StopServe",
    "Timeout",
    "connect",
    "convenience",
    "event",
    "getcurrent",
    "greenpool",
    "greenthread",
    "hubs",
    "import_patched",
    "is_timeout",
    "kill",
    "listen",
    "monkey_patch",
    "patcher",
    "queue",
    "semaphore",
    "serve",
    "sleep",
    "spawn",
    "spawn_after",
    "spawn_n",
    "support",
    "timeout",
    "with_timeout",
    "wrap_is_timeout",
    "wrap_ssl",
]

__version__ = VERSIONS["eventlet"]

# The name and the version of what serves this package.
__greenrt__: str = f"greenrt {greenrt.__version__}"

# Eventlet's deprecated aliases.
TimeoutError = Timeout
exc_after: Callable[..., Any] = greenthread.exc_after
call_after_global: Callable[..., Any] = greenthread.call_after_global


class EventletDeprecationWarning(Warning):
    """Eventlet's warning at its import. greenrt never gives it; programs name it in filters."""


# Modules that eventlet itself imports, and that are imported here at their first use as attributes.
_MODULES = frozenset(("backdoor", "corolocal", "debug", "green", "greenio", "pools", "tpool", "wsgi"))

__getattr__: Callable[[str], Any] = missing_names(__name__, submodules=_MODULES)
