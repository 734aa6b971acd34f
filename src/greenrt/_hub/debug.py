"""While `loop.debug` is true: greenlets that let no other run for long."""

import time

from greenlet import gettrace, greenlet, settrace

from greenrt import _log
from greenrt._hub.park import HubCore
from greenrt._loop import debug
from greenrt._render import render, render_site
from greenrt._typing import Any

__all__ = ["Tracer"]


class Tracer:
    """Takes the time between the switches of the calling thread, and logs which greenlet ran for too long.

    By greenlet.settrace, so a switch costs nothing unless there is a tracer; a trace function that was there is
    called as before. A greenlet that never switches again is not seen: its thread has no time to look.
    """

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._previous = gettrace()
        # One object, to know it again.
        self._function = self._trace
        settrace(self._function)

    def close(self) -> None:
        """Take no more times. In the thread that made this."""
        if gettrace() is self._function:
            settrace(self._previous)

    def _trace(self, event: Any, switch: tuple[greenlet, greenlet]) -> None:
        now = time.monotonic()
        took = now - self._since
        self._since = now
        # The callbacks of the hub are the inspector's.
        if took > debug.SLOW and not isinstance(switch[0], HubCore):
            _report(switch[0], took)
        if self._previous is not None:
            self._previous(event, switch)


def _report(slow: Any, took: float) -> None:
    name = "the main greenlet" if slow.parent is None else render(slow)
    site = getattr(slow, "spawned_at", None)
    _log.warn(
        "%s%s ran for %.0f ms without a switch, until %s; have a thread do long work, or call sleep(0) in it",
        name,
        f", spawned at {site}," if site else "",
        took * 1000,
        _place(slow),
    )


def _place(suspended: Any) -> str:
    """Tell where a greenlet stands in the program."""
    frame = suspended.gr_frame
    while frame is not None and frame.f_globals.get("__name__", "").startswith("greenrt."):
        frame = frame.f_back
    if frame is None:
        return "its end"
    return render_site(frame.f_code, frame.f_lasti)
