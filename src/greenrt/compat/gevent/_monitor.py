"""The monitor of a hub: a native thread that looks for a blocked loop and for too much memory."""

import sys
import time
import traceback
import warnings
import weakref
from collections.abc import Callable

from greenrt import _original
from greenrt._hub.resident import Resident
from greenrt._native.helper import Pause
from greenrt._typing import Any
from greenrt.compat.gevent import events
from greenrt.compat.gevent._compat import get_this_psutil_process
from greenrt.compat.gevent._config import config
from greenrt.compat.gevent._tracer import Tracer

__all__ = ["MonitorWarning", "PeriodicMonitoringThread"]

# The pause between two looks if no function asks for any, the shortest one, and the shortest period of the check of
# memory (seconds).
INACTIVE_PAUSE = 2.0
SHORTEST_PAUSE = 0.005
SHORTEST_MEMORY_PERIOD = 2.0


class MonitorWarning(RuntimeWarning):
    """What the monitor can't do."""


class _Entry:
    """A function that the monitor calls. Attributes: `function`, `period` (seconds) and `last` (its last call)."""

    def __init__(self, function: Callable[[Any], object], period: float) -> None:
        self.function = function
        self.period = period
        self.last = 0.0


class PeriodicMonitoringThread:
    """Calls functions with the hub from time to time, in a native thread.

    The first function finds out whether the loop was blocked for `gevent.config.max_blocking_time`: it announces
    EventLoopBlocked, and prints a report to the exception stream of the hub. With psutil and
    `gevent.config.max_memory_usage`, another one announces the use of more memory. `greenrt.inspect.watch` finds
    stalls at a lower price.

    Argument: `hub`, the hub of the calling thread. Attribute: `should_run`, whether it runs.
    """

    def __init__(self, hub: Any) -> None:
        self._hub = weakref.ref(hub, self._hub_is_gone)
        self.should_run = True
        # The greenlet that may block.
        self._ignored: Any = None
        # The number of switches at the last look.
        self._seen = -1
        self._exceeded = 0
        self._entries: list[_Entry] = []
        self._tracer = Tracer()
        if config.max_blocking_time:
            self._entries.append(_Entry(self.monitor_blocking, config.max_blocking_time))
        if self.can_monitor_memory_usage():
            self.install_monitor_memory_usage()
        self._pause = Pause()
        # The native thread, while it runs.
        self._ident = 0
        self._resident = Resident(self, self._pause.end, self._renew)
        self._resident.start()

    def _renew(self) -> None:
        """Forget what the parent of a fork has seen."""
        self._seen = -1

    @property
    def hub(self) -> Any:
        """The hub; None after its end."""
        return self._hub()

    def _hub_is_gone(self, _: object) -> None:
        self.should_run = False

    def monitoring_functions(self) -> list[_Entry]:
        """Return the functions, each with its period in seconds."""
        return self._entries

    def add_monitoring_function(self, function: Callable[[Any], object], period: float | None) -> None:
        """Call ``function(hub)`` in the monitor every `period` seconds, about. With None, stop that.

        Raises ValueError if the function is not callable, or if the period is not positive.
        """
        if not callable(function):
            raise ValueError(f"the monitor can't call {function!r}")
        if period is not None and period <= 0:
            raise ValueError(f"a period is a positive number of seconds, not {period!r}")
        found = next((entry for entry in self._entries if entry.function == function), None)
        if period is None:
            if found is not None:
                self._entries.remove(found)
        elif found is None:
            self._entries.append(_Entry(function, period))
        else:
            found.period = period

    def calculate_sleep_time(self) -> float:
        """Return the pause until the next look, in seconds."""
        shortest = min((entry.period for entry in self._entries), default=INACTIVE_PAUSE)
        return max(shortest, SHORTEST_PAUSE)

    def kill(self) -> None:
        """End the monitor. The thread of the hub or a monitoring function calls it. A second call does nothing."""
        self.should_run = False
        if self._ident != _original.get_ident():
            self._tracer.kill()
            self._resident.stop()

    # -- The native thread

    def __call__(self) -> None:
        """Call the functions until the end of the monitor or of the hub."""
        self._ident = _original.get_ident()
        while self.should_run and self._pause.wait(self.calculate_sleep_time()):
            hub = self.hub
            if not self.should_run or hub is None or hub.dead:
                self.should_run = False
                break
            now = time.monotonic()
            for entry in list(self._entries):
                if entry.last + entry.period <= now:
                    entry.last = now
                    entry.function(hub)
            del hub
        self._ident = 0

    # -- A blocked loop

    def ignore_current_greenlet_blocking(self) -> None:
        """Let the running greenlet block from now on, without a report."""
        self._ignored = self._tracer.active_greenlet

    def monitor_current_greenlet_blocking(self) -> None:
        """Report again if the running greenlet blocks."""
        self._ignored = None

    def monitor_blocking(self, hub: Any) -> Any:
        """Announce EventLoopBlocked, and report, if there was no switch since the last look; return the event."""
        seen, self._seen = self._seen, self._tracer.switches
        active = self._tracer.active_greenlet
        if active is None or active is hub or active is self._ignored or seen != self._seen:
            return None
        event = events.EventLoopBlocked(
            active, config.max_blocking_time, self._describe_block(hub, active), hub=hub
        )
        events.notify(event)
        stream = hub.exception_stream
        if stream is False:
            stream = sys.stderr
        if config.print_blocking_reports and stream is not None:
            for line in event.info:
                print(line, file=stream)
        return event

    def _describe_block(self, hub: Any, active: Any) -> list[str]:
        frame = _original.current_frames().get(hub.thread_ident)
        stack = "" if frame is None else "".join(traceback.format_stack(frame))
        bar = "=" * 80
        return [
            bar,
            f"{self!r} : Greenlet {active!r} appears to be blocked: it has run for {config.max_blocking_time:g} s",
            *stack.splitlines(),
            bar,
        ]

    # -- Memory

    def _get_process(self) -> Any:
        return get_this_psutil_process()

    def can_monitor_memory_usage(self) -> bool:
        """Return whether psutil is there."""
        return self._get_process() is not None

    def install_monitor_memory_usage(self) -> None:
        """Check the memory from now on; without psutil, warn."""
        if not self.can_monitor_memory_usage():
            warnings.warn(
                "the check of memory needs psutil, which is not installed", MonitorWarning, stacklevel=2
            )
            return
        period = max(config.memory_monitor_period or 0, SHORTEST_MEMORY_PERIOD)
        self.add_monitoring_function(self.monitor_memory_usage, period)

    def monitor_memory_usage(self, _hub: Any) -> Any:
        """Announce that the process uses too much memory, or not any more; return the event, or -1 for none."""
        allowed = config.max_memory_usage
        if not allowed:
            return -1
        details = self._get_process().memory_full_info()
        used = getattr(details, "uss", 0) or details.rss
        event: Any = -1
        if used > allowed:
            # Once, and again if it has grown.
            if used > self._exceeded:
                self._exceeded = used
                event = events.MemoryUsageThresholdExceeded(used, allowed, details)
        elif self._exceeded:
            event = events.MemoryUsageUnderThreshold(used, allowed, details, self._exceeded)
            self._exceeded = 0
        if event != -1:
            events.notify(event)
        return event

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} hub={self.hub!r}>"
