"""A green-thread runtime: code in blocking style runs in thousands of greenlets on one OS thread.

`__version__` is the version of greenrt. `__build__` is "compiled", or "pure" for the plain Python build.
"""

# ruff: noqa: E402
from greenrt import _interpreter

# This comes first: all other imports may fail in the interpreters that `prepare` refuses, and must not be lazy.
_interpreter.prepare()

from greenrt import _build

_build.check_build()

try:
    # These imports register what environment variables ask for, and the factory of `hub.resolver`.
    from greenrt import _inspection  # noqa: F401
    from greenrt import dns as _dns  # noqa: F401
    from greenrt._events import READ, WRITE
    from greenrt._hub.fd_wait import wait_read, wait_readwrite, wait_write
    from greenrt._hub.greenlet import Greenlet, kill, spawn, spawn_later
    from greenrt._hub.hub import Hub, get_hub
    from greenrt._hub.local import local
    from greenrt._hub.loop_proxy import LoopProxy
    from greenrt._hub.raw_greenlet import spawn_raw
    from greenrt._hub.signal_handler import signal_handler
    from greenrt._hub.signal_thread import SignalThread
    from greenrt._hub.sleep import idle, sleep
    from greenrt._hub.timeout import Timeout, with_timeout
    from greenrt._hub.wait_many import iwait, joinall, killall, wait
    from greenrt._hub.waiter import Waiter
    from greenrt._loop.loop import Loop
    from greenrt._native import switch as _switch
    from greenrt._native.switch import current as getcurrent
    from greenrt.errors import GreenletExit, LoopExit
    from greenrt.sync import (
        AsyncResult,
        BoundedSemaphore,
        Channel,
        Condition,
        DummySemaphore,
        Event,
        Group,
        LifoQueue,
        Lock,
        Pool,
        PriorityQueue,
        Queue,
        RLock,
        Semaphore,
        ShutDown,
        SimpleQueue,
        ThreadPool,
        ThreadProxy,
    )
except ImportError as error:
    _build.explain(error)
    raise

__all__ = [
    "READ",
    "WRITE",
    "AsyncResult",
    "BoundedSemaphore",
    "Channel",
    "Condition",
    "DummySemaphore",
    "Event",
    "Greenlet",
    "GreenletExit",
    "Group",
    "Hub",
    "LifoQueue",
    "Lock",
    "Loop",
    "LoopExit",
    "LoopProxy",
    "Pool",
    "PriorityQueue",
    "Queue",
    "RLock",
    "Semaphore",
    "ShutDown",
    "SignalThread",
    "SimpleQueue",
    "ThreadPool",
    "ThreadProxy",
    "Timeout",
    "Waiter",
    "get_hub",
    "getcurrent",
    "idle",
    "iwait",
    "joinall",
    "kill",
    "killall",
    "local",
    "signal_handler",
    "sleep",
    "spawn",
    "spawn_later",
    "spawn_raw",
    "wait",
    "wait_read",
    "wait_readwrite",
    "wait_write",
    "with_timeout",
]

__version__ = "0.2.0"

# All modules belong to one build.
__build__ = "pure" if (_switch.__file__ or "").endswith(".py") else "compiled"

# This comes last: the import of a compiled module turns the GIL on.
_interpreter.require_gil()
