"""eventlet.debug: switches and reports for debugging."""

import asyncio
import linecache
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from types import FrameType

import greenrt
from greenrt import monkey
from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from . import greenpool, hubs, tpool

__all__ = [
    "Spew",
    "format_asyncio_info",
    "format_hub_listeners",
    "format_hub_timers",
    "format_threads_info",
    "hub_blocking_detection",
    "hub_exceptions",
    "hub_listener_stacks",
    "hub_prevent_multiple_readers",
    "hub_timer_stacks",
    "spew",
    "tpool_exceptions",
    "unspew",
]

_NAMES = re.compile(r"\w+")


class Spew:
    """A trace function that prints each line that runs, with the values of the names in it.

    Arguments and attributes: `trace_names`, the modules whose lines are printed (None: all); `show_values`.
    """

    def __init__(self, trace_names: Any = None, show_values: bool = True) -> None:
        self.trace_names = trace_names
        self.show_values = show_values

    def __call__(self, frame: FrameType, event: str, arg: Any) -> "Spew":
        if event != "line":
            return self
        namespace = frame.f_globals
        number = frame.f_lineno
        if "__file__" in namespace:
            name = namespace["__name__"]
            line = linecache.getline(namespace["__file__"], number).rstrip()
        else:
            name = "[unknown]"
            code = frame.f_code
            line = (
                linecache.getline(code.co_filename, number).rstrip()
                or f"Unknown code named [{code.co_name}].  VM instruction #{frame.f_lasti}"
            )
        if self.trace_names is not None and name not in self.trace_names:
            return self
        print(f"{name}:{number}: {line}")
        if self.show_values:
            values = [
                f"{word}={scope[word]!r}"
                for word in _NAMES.findall(line)
                for scope in (namespace, frame.f_locals)
                if word in scope
            ]
            if values:
                print(f"\t{' '.join(values)}")
        return self


def spew(trace_names: Any = None, show_values: bool = False) -> None:
    """Print each line that runs from now on. The arguments are those of `Spew`."""
    sys.settrace(Spew(trace_names, show_values))


def unspew() -> None:
    """End `spew`."""
    sys.settrace(None)


def format_hub_listeners() -> str:
    """Return a text of the listeners that the program made. ``greenrt dump`` shows what greenlets wait for."""
    hub = hubs.get_hub()
    readers = [repr(each) for each in hub.get_readers()]
    writers = [repr(each) for each in hub.get_writers()]
    return os.linesep.join(["READERS:", *readers, "WRITERS:", *writers])


def format_hub_timers() -> str:
    """Return a text of the timers that the program made."""
    return os.linesep.join(["TIMERS:", *(repr(each) for each in hubs.get_hub().timers)])


def format_asyncio_info() -> str:
    """Return a text of the tasks of the running event loop of asyncio."""
    return os.linesep.join(
        ["TASKS:", repr(asyncio.all_tasks()), f"EVENTLOOP: {asyncio.events.get_event_loop()}"]
    )


def format_threads_info() -> str:
    """Return a text of the threads that `threading` knows."""
    return os.linesep.join(["THREADS:", repr({each.ident: each for each in threading.enumerate()})])


def hub_listener_stacks(state: bool = False) -> None:
    """Accept eventlet's switch: greenrt's dump shows the stack of each waiting greenlet without it."""
    hubs.get_hub().set_debug_listeners(state)


def hub_timer_stacks(state: bool = False) -> None:
    """Accept eventlet's switch: it has no effect."""


def hub_prevent_multiple_readers(state: bool = True) -> None:
    """Accept eventlet's switch, and warn if it is false: two greenthreads can't read from one socket at once here."""
    if not state:
        warnings.warn(
            "greenrt raises ConcurrentObjectUseError for a second reader of a socket; share a lock instead",
            RuntimeWarning,
            stacklevel=2,
        )


def hub_exceptions(state: bool = True) -> None:
    """Choose whether uncaught exceptions of greenthreads and timers are printed."""
    hubs.get_hub().set_timer_exceptions(state)
    greenpool.DEBUG = state


def tpool_exceptions(state: bool = False) -> None:
    """Choose whether exceptions of calls in native threads are printed; they are raised in the caller in any case."""
    tpool.QUIET = not state


class _Alarm:
    """Raises RuntimeError in a greenthread that keeps the hub from its next turn for too long."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        loop = greenrt.get_hub().loop
        # The hub waits for events between these two, where a long time is no fault.
        self.watchers: list[Any] = [loop.prepare(ref=False), loop.check(ref=False)]
        self.watchers[0].start(self.disarm)
        self.watchers[1].start(self.arm)
        self.signal = monkey.get_original("signal", "signal")
        self.previous = self.signal(signal.SIGALRM, self.ring)
        # The hub may be between two turns.
        self.arm()

    def arm(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def disarm(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def ring(self, number: int, frame: FrameType | None) -> None:
        where = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else "an unknown place"
        raise RuntimeError(f"Blocking detector ALARMED at {where}")

    def end(self) -> None:
        for watcher in self.watchers:
            watcher.close()
        self.disarm()
        self.signal(signal.SIGALRM, self.previous)


_alarm: _Alarm | None = None


def hub_blocking_detection(state: bool = False, resolution: float = 1) -> None:
    """Raise RuntimeError in a greenthread that runs for `resolution` seconds without yielding, by SIGALRM.

    greenrt's watchdog reports such greenlets without disturbing them: see `greenrt.inspect`.
    """
    global _alarm
    if resolution <= 0:
        raise AssertionError(f"resolution must be positive, not {resolution!r}")
    if _alarm is not None:
        _alarm.end()
        _alarm = None
    hub = hubs.get_hub()
    hub.debug_blocking = state
    hub.debug_blocking_resolution = resolution
    if state:
        _alarm = _Alarm(resolution)


__getattr__: Callable[[str], Any] = missing_names(__name__)
