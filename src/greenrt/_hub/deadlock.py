"""Other possible sources of a wake, for the detection of deadlocks: native threads and Python signal handlers."""

import _signal
import os

from greenrt import _original
from greenrt._bare import instance_namespace, names_of_module, own_field
from greenrt._hub import current_hub
from greenrt._native import dump_signal
from greenrt._render import render
from greenrt._typing import Any

__all__ = ["another_thread_runs", "calls_underway", "idle_threads", "possible_wakers"]

# greenrt's own native threads that act only on request. They wake no greenlet by themselves.
idle_threads: set[int] = set()

# The calls in flight that such threads have not answered yet.
calls_underway: set[Any] = set()

_DEFAULT_HANDLERS = (
    _signal.SIG_DFL,
    _signal.SIG_IGN,
    None,
    _signal.default_int_handler,
    *dump_signal.HANDLERS,
)


def _is_user_handler(number: int) -> bool:
    try:
        handler: Any = _signal.getsignal(number)
    except (OSError, ValueError):
        return False
    # If it is patched, signal.signal has wrapped the handler in an object of greenrt.
    wrapped = own_field(type(handler), "handler")
    if wrapped is not None:
        handler = wrapped.__get__(handler)
    # Not by `in`: the handler may have an `__eq__`.
    return not any(handler is each for each in _DEFAULT_HANDLERS)


def _pycares_threads() -> set[int]:
    """Return the identifier of the thread that pycares starts to close channels, if it has started one."""
    manager = names_of_module("pycares").get("_shutdown_manager")
    thread = (instance_namespace(manager) or {}).get("_thread")
    ident = (instance_namespace(thread) or {}).get("_ident")
    return {ident} if type(ident) is int else set()


def possible_wakers() -> list[str]:
    """Describe each other native thread and each signal handler that might wake a greenlet of this thread.

    Returns one text for each; an empty list means a deadlock.
    """
    me = _original.get_ident()
    idle = idle_threads | _pycares_threads()
    threads = (set(_original.current_frames()) | set(current_hub.threads_with_hub)) - idle - {me}
    wakers = [f"native thread {ident:#x}" for ident in sorted(threads)]
    wakers += [f"a native thread with {render(call)}" for call in list(calls_underway)]
    if current_hub.on_main_thread():
        wakers += [
            f"Python handler of signal {number}: {render(_signal.getsignal(number))}"
            for number in range(1, _signal.NSIG)
            if _is_user_handler(number)
        ]
    return wakers


def another_thread_runs() -> bool:
    """Return whether the kernel runs another thread of this process, or is about to (proc_pid_stat(5)).

    False on systems without /proc.
    """
    me = str(_original.get_native_id())
    try:
        return any(_state_of(task) in "RD" for task in os.listdir("/proc/self/task") if task != me)
    except OSError:
        return False


def _state_of(task: str) -> str:
    try:
        with _original.open(f"/proc/self/task/{task}/stat", "rb") as stat:
            # The name before the state, in parentheses, may contain anything.
            return stat.read().rpartition(b")")[2].split()[0].decode()
    except (FileNotFoundError, ProcessLookupError):
        # It has ended, before the file was opened or before it was read.
        return "X"
