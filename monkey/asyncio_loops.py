"""asyncio's event loops in green threads: each thread has its own loop, and no loop starves the others."""

import sys
from types import ModuleType

from greenrt.monkey.state import patch_methods, replace

from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import yield_if_due
from greenrt._typing import Any
from greenrt.green import thread

__all__ = ["patch_asyncio"]

# Until CPython 3.13, asyncio keeps one running task for each loop, which need not be swapped.
TASK_BELONGS_TO_THREAD = sys.version_info >= (3, 14)
# The loop, its task and the hooks for asynchronous generators.
NOTHING_RUNS = (None, None, (None, None))


def patch_asyncio(asyncio: ModuleType) -> None:
    """Let each green thread run, and set, an event loop of its own.

    The native thread holds asyncio's running loop and, from CPython 3.14 on, the running task. The interpreter holds
    the hooks for asynchronous generators that a running loop has set. While their greenlet is suspended, all of them
    are stored away. This starts with the first loop that runs in a thread with a hub. A loop that is never idle
    yields now and then, whatever its selector does.
    """
    events: Any = asyncio.events
    get_running, set_running = events._get_running_loop, events._set_running_loop
    swap_task = asyncio.tasks._swap_current_task if TASK_BELONGS_TO_THREAD else _keep_task

    def swap(new: Any) -> Any:
        running = get_running()
        if running is None and new is None:
            return None
        # The task is swapped out before the loop and swapped in after it: asyncio swaps it for the running loop only.
        old = None if running is None else (running, swap_task(running, None), sys.get_asyncgen_hooks())
        loop, task, hooks = NOTHING_RUNS if new is None else new
        set_running(loop)
        sys.set_asyncgen_hooks(*hooks)
        if loop is not None:
            swap_task(loop, task)
        return old

    def _set_running_loop(loop: Any, /) -> None:
        """Set the loop that runs in the calling green thread."""
        if loop is not None:
            hub = hub_for_waiting()
            if hub is not None:
                hub._swap = swap
        set_running(loop)

    replace(events, {"_set_running_loop": _set_running_loop})
    _replace_policy_local(events)
    _make_loops_yield(asyncio.base_events)


def _keep_task(loop: Any, task: Any) -> None:
    pass


def _make_loops_yield(base_events: Any) -> None:
    run_once = base_events.BaseEventLoop._run_once

    def _run_once(self: Any) -> None:
        yield_if_due()
        run_once(self)

    patch_methods(base_events, "BaseEventLoop", {"_run_once": _run_once})


def _replace_policy_local(events: Any) -> None:
    """Give each green thread its own current loop if asyncio was imported before patching."""
    # CPython 3.14 deprecated policies and made the name private; 3.16 will have none.
    names = "_BaseDefaultEventLoopPolicy", "BaseDefaultEventLoopPolicy"
    kind = next((getattr(events, name) for name in names if hasattr(events, name)), None)
    if kind is None or issubclass(kind._Local, thread._local):
        return

    class _Local(thread._local):
        _loop = None
        _set_called = False

    kind._Local = _Local
    policy = events._event_loop_policy
    if isinstance(policy, kind):
        old, policy._local = policy._local, _Local()
        vars(policy._local).update(vars(old))
