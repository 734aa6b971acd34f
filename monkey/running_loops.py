"""asyncio's notion of a thread's event loop, for green threads: each has its own."""

import sys
from types import ModuleType

from greenrt.monkey.api import replace

from greenrt._hub.slot import hub_for_waiting
from greenrt._typing import Any
from greenrt.green import thread

__all__ = ["patch_asyncio"]

NO_HOOKS = (None, None)


def patch_asyncio(asyncio: ModuleType) -> None:
    """Let each green thread run, and set, an event loop of its own.

    asyncio keeps the loop that runs with the native thread, in C, and the interpreter the hooks for asynchronous
    generators that a running loop has set. Both are put aside while their greenlet is suspended, from the first loop
    on that runs in a thread with a hub.
    """
    events: Any = asyncio.events
    get_running, set_running = events._get_running_loop, events._set_running_loop

    def swap(new: Any) -> Any:
        running = get_running()
        if running is None and new is None:
            return None
        old = None if running is None else (running, sys.get_asyncgen_hooks())
        loop, hooks = (None, NO_HOOKS) if new is None else new
        set_running(loop)
        sys.set_asyncgen_hooks(*hooks)
        return old

    def _set_running_loop(loop: Any, /) -> None:
        """Set the loop that runs in the calling green thread."""
        if loop is not None:
            hub = hub_for_waiting()
            if hub is not None:
                hub.swap = swap
        set_running(loop)

    replace(events, {"_set_running_loop": _set_running_loop})
    _renew_policy(events)


def _renew_policy(events: Any) -> None:
    """Make the loops that were set each green thread's own, if asyncio was imported before patching."""
    kind = events.BaseDefaultEventLoopPolicy
    if issubclass(kind._Local, thread._local):
        return

    class _Local(thread._local):
        _loop = None
        _set_called = False

    kind._Local = _Local
    policy = events._event_loop_policy
    if isinstance(policy, kind):
        old, policy._local = policy._local, _Local()
        vars(policy._local).update(vars(old))
