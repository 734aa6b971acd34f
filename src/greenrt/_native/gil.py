"""Turns at the GIL for other native threads, beside a loop that always has work and whose polls are Python's."""

import time

from greenrt import _original

__all__ = ["GilTurns"]

# Seconds. A thread that waits for the GIL needs some 50 microseconds to wake up.
_EVERY = 0.005
_LENGTH = 0.0001


class GilTurns:
    """Gives other threads a turn now and then. Owner thread only.

    A thread that waits for the GIL asks for it when it has seen no release for a while (sys.setswitchinterval), and
    only then gets it for certain. Each of Python's polls releases the GIL. One that does not sleep restarts that
    wait, and gives the thread no time to wake up.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = 0.0

    def give(self, timeout: float) -> None:
        """Sleep for a moment if a poll with this timeout does not, and the last turn was a while ago."""
        if timeout:
            return
        now = time.monotonic()
        if now - self._last >= _EVERY:
            _original.sleep(_LENGTH)
            self._last = now
