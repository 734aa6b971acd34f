"""Which hub the calling thread has. The hub's maker is registered by `hub`: this file imports nothing above."""

import os
import sys

from greenlet._greenlet import enable_optional_cleanup

from greenrt import _original, _providers
from greenrt._native.thread import get_slot, set_slot
from greenrt._typing import Any

__all__ = [
    "drop_hub",
    "expired",
    "get_hub",
    "get_hub_if_exists",
    "hub_for_waiting",
    "is_timeout",
    "keep_hub",
    "on_main_thread",
    "raise_own_error",
]

# When a thread has ended, greenlet looks for references to its main greenlet by gc.get_referrers(), and gives one up
# if it finds none. In the middle of a garbage collection that finds none of those that garbage holds, such as the hub
# of the thread: the process crashes. No thread of ours leaves what the look is meant to find.
enable_optional_cleanup(False)

# Ends with its thread, and ends the thread's hub: the C slot has no callback.
_at_thread_end = _original.thread_local()


class _Keeper:
    """Owns a thread's hub; its death is the thread's."""

    def __init__(self, hub: Any) -> None:
        self.hub = hub
        self.ident = _original.get_ident()

    def __del__(self) -> None:
        hub = self.hub
        # In the child of a fork the other threads' keepers die in the forking thread; their loops are closed later.
        if hub is not None and not sys.is_finalizing() and self.ident == _original.get_ident():
            self.hub = None
            threads_with_hub.pop(self.ident, None)
            hub._thread_ended()


# The hubs of all threads that have one, by the thread's identity. (A compiled hub that polls has no Python frame, so
# that sys._current_frames() does not show its thread.)
threads_with_hub: dict[int, Any] = {}


# Guards what is made once and lazily by several threads; re-entrant, since a finalizer may run inside.
creation_lock = _original.RLock()


def timeout_error(timeout: Any) -> Any:
    """Return the Timeout that a `get` raises whose time is up; `timeout` itself if it is one."""
    timeout_class = _providers.timeout_class
    return timeout if isinstance(timeout, timeout_class) else timeout_class(timeout)


def is_timeout(given: Any) -> bool:
    """Tell whether `given` is a greenrt.Timeout."""
    return isinstance(given, _providers.timeout_class)


def expired(timeout: Any, error: type[Exception]) -> Any:
    """Return what a call raises whose time is up: an `error`, or `timeout` itself if that is a greenrt.Timeout."""
    return timeout if isinstance(timeout, _providers.timeout_class) else error()


def raise_own_error(timeout: Any) -> None:
    """Raise the exception that a greenrt.Timeout was made with, if any; no-op for a timeout in seconds."""
    if type(timeout) is not float and isinstance(timeout, _providers.timeout_class):
        timeout._raise_own_error()


def on_main_thread() -> bool:
    """Tell whether the calling thread is the one in which CPython runs signal handlers."""
    if sys.platform == "linux":
        # Right also in the child of a fork, where the forking thread becomes the main one.
        return _original.get_native_id() == os.getpid()
    import threading

    return _original.get_ident() == threading.main_thread().ident


def get_hub() -> Any:
    """Return the calling thread's hub, made if it has none."""
    hub = get_slot()
    if hub is None:
        assert _providers.make_hub is not None
        hub = _providers.make_hub()
        keep_hub(hub)
    return hub


def get_hub_if_exists() -> Any:
    """Return the calling thread's hub, or None."""
    return get_slot()


def hub_for_waiting() -> Any:
    """Return the hub in which the calling thread waits: its own, a new one in the main thread, or None."""
    # Not `or`: a hub that has not run yet counts as false, as every greenlet does.
    hub = get_slot()
    return get_hub() if hub is None and on_main_thread() else hub


def keep_hub(hub: Any) -> None:
    """Make `hub` the calling thread's."""
    set_slot(hub)
    _at_thread_end.keeper = _Keeper(hub)
    threads_with_hub[_original.get_ident()] = hub


def drop_hub() -> None:
    """Leave the calling thread without a hub."""
    keeper = getattr(_at_thread_end, "keeper", None)
    if keeper is not None:
        keeper.hub = None
        del _at_thread_end.keeper
        threads_with_hub.pop(keeper.ident, None)
    set_slot(None)
