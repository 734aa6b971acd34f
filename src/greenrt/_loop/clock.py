"""Where a loop's time comes from."""

from greenrt._native.thread import monotonic

__all__ = ["Clock", "VirtualClock"]


class Clock:
    """The machine's monotonic clock (clock_gettime(2), CLOCK_MONOTONIC)."""

    __slots__ = ()

    def now(self) -> float:
        """Return the time in seconds; only differences mean anything."""
        return monotonic()


class VirtualClock(Clock):
    """A clock that moves only on demand: time becomes an input of a test."""

    __slots__ = ("_time",)

    def __init__(self, start: float = 1000.0) -> None:
        self._time = start

    def now(self) -> float:
        """Return the virtual time in seconds."""
        return self._time

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`; ValueError if that is negative."""
        if not seconds >= 0:
            raise ValueError(f"a monotonic clock can't move by {seconds!r} seconds; give 0 or more")
        self._time += seconds
