"""Clocks for a loop."""

from greenrt._native.thread import monotonic

__all__ = ["Clock", "VirtualClock"]


class Clock:
    """The monotonic clock of the machine (clock_gettime(2), CLOCK_MONOTONIC)."""

    __slots__ = ()

    def now(self) -> float:
        """Return the time in seconds. Only differences of two times are meaningful."""
        return monotonic()


class VirtualClock(Clock):
    """A clock that a test advances by hand. It starts at `start` seconds."""

    __slots__ = ("_time",)

    def __init__(self, start: float = 1000.0) -> None:
        self._time = start

    def now(self) -> float:
        """Return the virtual time in seconds."""
        return self._time

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`. Raises ValueError if `seconds` is negative."""
        if not seconds >= 0:
            raise ValueError(f"a monotonic clock can't move by {seconds!r} seconds; pass 0 or more")
        self._time += seconds
