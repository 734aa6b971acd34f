"""asyncio's event loops in green threads: each thread has its own, and none keeps the others from running."""

import sys
from types import ModuleType

from greenrt.monkey.api import patch_methods, replace

from greenrt._hub.io import give_way
from greenrt._hub.slot import hub_for_waiting
from greenrt._typing import Any
from greenrt.green import thread

__all__ = ["patch_asyncio"]

NO_HOOKS = (None, None)


def patch_asyncio(asyncio: ModuleType) -> None:
    """Let each green thread run, and set, an event loop of its own.

    asyncio keeps the loop that runs with the native thread, in C, and the interpreter the hooks for asynchronous
    generators that a running loop has set. Both are put aside while their greenlet is suspended, from the first loop
    on that runs in a thread with a hub. A loop that is never idle lets others run now and then, whatever its selector
    does.
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
    _make_polite(asyncio.base_events)


def _make_polite(base_events: Any) -> None:
    run_once = base_events.BaseEventLoop._run_once

    def _run_once(self: Any) -> None:
        give_way()
        run_once(self)

    patch_methods(base_events, "BaseEventLoop", {"_run_once": _run_once})


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
