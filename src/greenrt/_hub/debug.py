"""Reports of greenlets that run for long without a switch, while `loop.debug` is true."""

import time

from greenlet import gettrace, greenlet, settrace

from greenrt import _log
from greenrt._hub.bare import site_of
from greenrt._hub.park import HubCore
from greenrt._loop import debug
from greenrt._render import is_own_frame, render, render_site
from greenrt._typing import Any

__all__ = ["Tracer"]


class Tracer:
    """Measures the time between the switches of the calling thread, and logs each greenlet that ran for too long.

    It uses greenlet.settrace, so a switch costs nothing unless a tracer exists. It still calls the trace function
    that was set before. It can't report a greenlet that never switches again, because its thread runs no other code.
    """

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._previous = gettrace()
        # Keep one bound method, so that `close` can compare it by identity.
        self._function = self._trace
        settrace(self._function)

    def close(self) -> None:
        """Stop measuring. Only the thread that made the tracer may call this."""
        if gettrace() is self._function:
            settrace(self._previous)

    def _trace(self, event: Any, switch: tuple[greenlet, greenlet]) -> None:
        now = time.monotonic()
        took = now - self._since
        self._since = now
        # The loop's inspector reports the callbacks of the hub.
        if took > debug.SLOW and not isinstance(switch[0], HubCore):
            _report(switch[0], took)
        if self._previous is not None:
            self._previous(event, switch)


def _report(slow: Any, took: float) -> None:
    name = "the main greenlet" if slow.parent is None else render(slow)
    site = site_of(slow)
    _log.warn(
        "%s%s ran for %.0f ms without a switch, until %s; have a thread do long work, or call sleep(0) in it",
        name,
        f", spawned at {site}," if site else "",
        took * 1000,
        _place(slow),
    )


def _place(suspended: Any) -> str:
    """Return the place in the program where a greenlet is suspended."""
    frame = suspended.gr_frame
    while frame is not None and is_own_frame(frame):
        frame = frame.f_back
    if frame is None:
        return "its end"
    return render_site(frame.f_code, frame.f_lasti)
