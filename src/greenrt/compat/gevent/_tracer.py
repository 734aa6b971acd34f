"""A trace function of greenlet's that counts switches."""

from time import perf_counter

import greenlet

from greenrt._typing import Any

__all__ = ["Tracer"]


class Tracer:
    """Watches the switches of the calling thread's greenlets from its construction until `kill`.

    hub: only switches to this hub count; None: all count.

    Attributes: `switches`, their number so far; `longest`, the longest time between two of them in seconds;
    `active_greenlet`, the greenlet that runs; `previous_trace_function`, the trace function before this one, which is
    called too.
    """

    def __init__(self, hub: Any = None) -> None:
        self.hub = hub
        self.switches = 0
        self.longest = 0.0
        self.active_greenlet: Any = greenlet.getcurrent()
        self._since = perf_counter()
        self.previous_trace_function: Any = greenlet.settrace(self)

    def kill(self) -> None:
        """Stop watching, in the thread that made the tracer; the previous trace function is in place again."""
        current: Any = greenlet.gettrace()
        if current is self:
            greenlet.settrace(self.previous_trace_function)
        self._note()

    def __call__(self, event: str, args: Any) -> None:
        if event in ("switch", "throw"):
            _, self.active_greenlet = args
            if self.hub is None or self.active_greenlet is self.hub:
                self.switches += 1
                self._note()
        if self.previous_trace_function is not None:
            self.previous_trace_function(event, args)

    def _note(self) -> None:
        now = perf_counter()
        self.longest = max(self.longest, now - self._since)
        self._since = now
