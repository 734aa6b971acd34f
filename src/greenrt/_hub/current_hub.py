"""The hub of the calling thread. The module `hub` registers its class, so this module imports no higher layer."""

import os
import sys
from collections.abc import Callable

from greenlet import greenlet
from greenlet._greenlet import enable_optional_cleanup

from greenrt import _original, _providers
from greenrt._bare import parent_of
from greenrt._loop.callback import Callback
from greenrt._loop.registry import default_loop
from greenrt._native.switch import is_finalizing
from greenrt._native.thread import get_slot, set_slot
from greenrt._typing import Any
from greenrt.errors import LoopClosed

__all__ = [
    "at_next_turn",
    "drop_hub",
    "expired",
    "get_hub_if_exists",
    "hub_for_waiting",
    "is_timeout",
    "keep_hub",
    "main_greenlet",
    "on_main_thread",
    "raise_own_error",
]

# When a thread has ended, greenlet searches for references to its main greenlet by gc.get_referrers(), and drops one
# reference if it finds none. During a garbage collection, the search misses the references that garbage holds, such
# as those of the thread's hub. Then the process crashes. greenrt's threads leave nothing that the search is meant to
# find.
enable_optional_cleanup(False)

# This dies with its thread, and then ends the thread's hub. The C slot has no callback for the end of a thread.
_at_thread_end = _original.thread_local()


class _Keeper:
    """Owns a thread's hub. It dies when the thread ends."""

    def __init__(self, hub: Any) -> None:
        self.hub = hub
        self.ident = _original.get_ident()

    def __del__(self) -> None:
        hub = self.hub
        # In the child of a fork, the other threads' keepers die in the forking thread. Their loops are closed later.
        if hub is not None and not sys.is_finalizing() and self.ident == _original.get_ident():
            self.hub = None
            threads_with_hub.pop(self.ident, None)
            hub._thread_ended()


# The hubs of all threads that have one, by the thread's identifier.
threads_with_hub: dict[int, Any] = {}


# Guards objects that are made lazily, once for all threads. It is re-entrant because a finalizer may run inside.
creation_lock = _original.RLock()


def timeout_error(timeout: Any) -> Any:
    """Return the Timeout that a `get` raises when `timeout` expires: `timeout` itself if it is a Timeout."""
    timeout_class = _providers.timeout_class
    return timeout if isinstance(timeout, timeout_class) else timeout_class(timeout)


def is_timeout(given: Any) -> bool:
    """Return whether `given` is a greenrt.Timeout."""
    return isinstance(given, _providers.timeout_class)


def expired(timeout: Any, error: type[Exception]) -> Any:
    """Return the exception for a call whose `timeout` expired: a Timeout itself, else an instance of `error`."""
    return timeout if isinstance(timeout, _providers.timeout_class) else error()


def raise_own_error(timeout: Any) -> None:
    """Raise the exception with which a greenrt.Timeout was made, if any; do nothing for a timeout in seconds."""
    if type(timeout) is not float and isinstance(timeout, _providers.timeout_class):
        timeout._raise_own_error()


def on_main_thread() -> bool:
    """Return whether the calling thread is the main thread, in which CPython runs signal handlers."""
    if sys.platform == "linux":
        # This is right also in the child of a fork, where the forking thread becomes the main thread.
        return _original.get_native_id() == os.getpid()
    import threading

    return _original.get_ident() == threading.main_thread().ident


def main_greenlet(target: greenlet) -> greenlet:
    """Return the main greenlet of the native thread that a greenlet belongs to."""
    while (parent := parent_of(target)) is not None:
        target = parent
    return target


def get_hub() -> Any:
    """Return the calling thread's hub; make one if the thread has none."""
    hub = get_slot()
    if hub is None:
        assert _providers.make_hub is not None
        hub = _providers.make_hub()
        keep_hub(hub)
    return hub


def at_next_turn(function: Callable[[], object]) -> None:
    """Call `function` in the next turn of the main thread's loop; without a loop, as soon as a thread makes a hub."""
    loop = default_loop()
    if loop is not None:
        try:
            loop.post(Callback(function, ()))
            return
        except LoopClosed:
            pass

    def once(hub: Any) -> None:
        # The caller goes through the list that there is now.
        _providers.at_new_hub = [each for each in _providers.at_new_hub if each is not once]
        function()

    _providers.at_new_hub.append(once)


def get_hub_if_exists() -> Any:
    """Return the calling thread's hub, or None."""
    return get_slot()


def hub_for_waiting() -> Any:
    """Return the hub in which the calling thread waits: its own, a new one in the main thread, or None.

    None means that the caller makes the original call, which blocks: in another native thread without a hub, and
    while the interpreter is being finalized, when no other greenlet runs.
    """
    if is_finalizing():
        return None
    # `or` would be wrong here: a hub that has not run yet is false, like every unstarted greenlet.
    hub = get_slot()
    return get_hub() if hub is None and on_main_thread() else hub


def keep_hub(hub: Any) -> None:
    """Make `hub` the calling thread's hub."""
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
