"""gevent.util: texts about all threads and greenlets, and checks of switches."""

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from time import perf_counter
from types import FrameType

from greenrt import _original
from greenrt._hub.current_hub import get_hub
from greenrt._hub.deadlock import idle_threads
from greenrt._typing import Any, Self
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._greenlet_tree import GreenletTree
from greenrt.compat.gevent._tracer import Tracer

__all__ = ["GreenletTree", "assert_switches", "format_run_info", "print_run_info", "wrap_errors"]

_BAR = "*" * 80


class wrap_errors:
    """Call a function, and return its errors instead of raising them.

    Arguments: `errors`, an exception class or a tuple of them; `func`, the function. With one argument it is a
    decorator. Attributes of the function can be read here.
    """

    def __new__(cls, errors: Any, func: Callable[..., Any] | None = None) -> Any:
        """Return the callable; without `func`, a decorator."""
        if func is None:
            return lambda function: cls(errors, function)
        return super().__new__(cls)

    def __init__(self, errors: Any, func: Callable[..., Any]) -> None:
        self._errors = errors
        self._func = func

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self._func(*args, **kwargs)
        except self._errors as error:
            return error

    def __str__(self) -> str:
        return str(self._func)

    def __repr__(self) -> str:
        return repr(self._func)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._func, name)


def print_run_info(
    thread_stacks: bool = True, greenlet_stacks: bool = True, limit: int | None = None, file: Any = None
) -> None:
    """Print `format_run_info` to `file`, or to stderr."""
    output = sys.stderr if file is None else file
    for line in format_run_info(thread_stacks, greenlet_stacks, limit):
        print(line, file=output)


def format_run_info(
    thread_stacks: bool = True,
    greenlet_stacks: bool = True,
    limit: int | None = None,
    current_thread_ident: int | None = None,
) -> list[str]:
    """Return lines about all native threads and greenlets. `greenrt.inspect.dump` tells more, and also runs outside.

    thread_stacks, greenlet_stacks: whether they have stacks. limit: how many frames of each; None: all.
    current_thread_ident: the thread that is marked as the current one; None: the calling thread.
    """
    current = _original.get_ident() if current_thread_ident is None else current_thread_ident
    return [*_threads(thread_stacks, limit, current), *_greenlets(greenlet_stacks, limit)]


dump_stacks = format_run_info


def _threads(stacks: bool, limit: int | None, current: int) -> Iterator[str]:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    yield _BAR
    yield "* Threads"
    for ident, frame in _original.current_frames().items():
        idle = ident in idle_threads
        name = names.get(ident, "idle threadpool worker" if idle else None)
        yield _BAR
        yield f"Thread {ident:#x} ({name}{') (CURRENT' if ident == current else ''})\n"
        if not stacks:
            yield "\t...stack elided..."
        elif not idle:
            yield "".join(traceback.format_stack(frame, limit))


def _greenlets(stacks: bool, limit: int | None) -> Iterator[str]:
    yield _BAR
    yield "* Greenlets"
    yield _BAR
    for tree in sorted(
        GreenletTree.forest(), key=lambda tree: "" if tree.is_current_tree else repr(tree.greenlet)
    ):
        yield "---- Thread boundary"
        # The frame of a greenlet that runs in another thread is that of this thread.
        details = {"running_stacks": stacks and tree.is_current_tree, "running_stack_limit": limit}
        yield from tree.format_lines(details)


class _FailedToSwitch(AssertionError):
    """The block of `assert_switches` has not switched."""


class assert_switches:
    """Raise AssertionError at the end of a ``with`` block that has not switched to other greenlets.

    Arguments: `max_blocking_time`, the longest time in seconds between two switches; None: the block must switch at
    least once. `hub_only`: whether only switches to the hub count, with a `max_blocking_time`.
    """

    def __init__(self, max_blocking_time: float | None = None, hub_only: bool = False) -> None:
        self.max_blocking_time = max_blocking_time
        self.hub_only = hub_only
        self.tracer: Any = None
        self._begun = 0.0

    def __enter__(self) -> Self:
        only_hub = self.hub_only and self.max_blocking_time
        self._begun = perf_counter()
        self.tracer = Tracer(get_hub() if only_hub else None)
        return self

    def __exit__(self, kind: object, value: object, tb: object) -> None:
        tracer, self.tracer = self.tracer, None
        tracer.kill()
        if kind is not None:
            return
        limit = self.max_blocking_time
        too_slow = tracer.longest > limit if limit else False
        if too_slow or (not tracer.switches and (self.hub_only or not limit)):
            seconds = perf_counter() - self._begun
            allowed = f" (max allowed {limit:.4f} seconds)" if limit else ""
            where = "To the hub" if self.hub_only else "To any greenlet"
            stack = "".join(traceback.format_stack(sys._getframe(1)))
            raise _FailedToSwitch(f"{where} in {seconds:.4f} seconds{allowed}\n{stack}")


def clear_stack_frames(frame: FrameType | None) -> None:
    """Clear the local variables of `frame` and of its callers, where they do not run."""
    while frame is not None:
        try:
            frame.clear()
        except RuntimeError:
            # It runs.
            pass
        frame = frame.f_back


__getattr__: Callable[[str], Any] = missing_names(__name__, {})
