"""The watchdog: a native thread that notices that a hub has not polled for too long, and logs what holds it up."""

import time
from math import inf

from greenrt import _log, _original
from greenrt._hub.current_hub import threads_with_hub
from greenrt._hub.park import checked_seconds
from greenrt._hub.resident import Resident
from greenrt._loop.histogram import Histogram
from greenrt._loop.registry import describe_thread
from greenrt._native.helper import Pause
from greenrt._native.thread import monotonic
from greenrt._typing import TYPE_CHECKING, Any, Self, SupportsFloat
from greenrt.inspect.instruments import call
from greenrt.inspect.stall import Stall

if TYPE_CHECKING:
    from greenrt._hub.hub import Hub

__all__ = ["Watch", "watch", "watches"]

# How many times the watchdog looks within its limit, and the longest time between two looks (seconds).
LOOKS = 4
LONGEST_PAUSE = 1.0
# A pause counts as at most so many times its length: in a longer one, the process was stopped.
LATE = 2.0
# Each report of a stall comes when it has lasted so many times longer than at the previous one.
GROWTH = 2.0

_watches: list["Watch"] = []


def watch(seconds: SupportsFloat = 1.0) -> "Watch":
    """Watch all hubs of the process from a native thread: log each stall, a hub that has not polled for `seconds`.

    Meanwhile no other greenlet of that thread runs. The log has the greenlet that holds the hub up, with its stack,
    during the stall and at growing intervals, and how long the stall lasted. A thread in which no greenlet waits is
    held up by nothing, and a process that was stopped (SIGSTOP) has not stalled. The watch lasts until `close`, also
    in the child of a fork. Any thread may call this.

    Raises TypeError or ValueError if `seconds` is not a positive number; RuntimeError if no thread can be started.
    """
    return Watch(seconds)


def watches() -> list["Watch"]:
    """Return the watches that are not closed."""
    return list(_watches)


class Watch:
    """What `watch` returns; also a context manager, which closes it. Any thread may call the methods.

    Attributes: `limit` in seconds; `closed`; `stalls`, the number of stalls so far; `stalled`, how long those that
    have ended lasted in all, and `longest`, the longest of them, in seconds.
    """

    def __init__(self, seconds: SupportsFloat = 1.0) -> None:
        limit = checked_seconds(seconds, "seconds")
        if not 0.0 < limit < inf:
            raise ValueError(f"seconds must be a positive number, not {seconds!r}")
        self.limit: float = limit
        self.closed: bool = False
        self.stalls: int = 0
        self.stalled: float = 0.0
        self.longest: float = 0.0
        self._pause = Pause()
        # By the thread's identifier.
        self._hubs: dict[int, _Progress] = {}
        # The seconds that the watchdog has seen pass. Time in which the process was stopped does not count.
        self._clock = 0.0
        # How long it has just waited for the GIL.
        self._kept = 0.0
        self._resident = Resident(self._look_on, self._interrupt, self._renew)
        self._resident.start()
        _watches.append(self)

    def close(self) -> None:
        """End the watch; idempotent."""
        self.closed = True
        if self in _watches:
            _watches.remove(self)
        self._resident.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self.stalls} stalls"
        return f"<Watch at {id(self):#x} of {self.limit:g} s, {state}>"

    # -- The native thread

    def _interrupt(self) -> None:
        self._pause.end()

    def _renew(self) -> None:
        self._hubs.clear()

    def _look_on(self) -> None:
        pause = self._pause
        asked = min(self.limit / LOOKS, LONGEST_PAUSE)
        seen = monotonic()
        while pause.wait(asked):
            # The time after the pause is a wait for the GIL: the program holds it up.
            over = pause.over_at
            now = monotonic()
            self._kept = now - over
            self._clock += min(over - seen, LATE * asked) + self._kept
            seen = now
            try:
                self._look()
            except _Halted:
                return

    def _go_on(self) -> None:
        """Raise _Halted if the thread must end: the process may fork. For the steps of a long search."""
        if self._resident.halting:
            raise _Halted

    def _look(self) -> None:
        hubs = dict(threads_with_hub)
        for ident in self._hubs.keys() - hubs.keys():
            del self._hubs[ident]
        for ident, hub in hubs.items():
            progress = self._hubs.get(ident)
            if progress is None or progress.loop is not hub.loop:
                progress = self._hubs[ident] = _Progress(hub, self._clock)
            self._check(ident, hub, progress)

    def _check(self, ident: int, hub: "Hub", progress: "_Progress") -> None:
        loop = hub.loop
        age = self._clock - progress.since
        if loop.iteration != progress.turn or loop.polling or loop.closed or not _has_waiters(hub):
            if progress.reported:
                self._note_end(age)
                _log.warn("thread %s polls again after about %.1f s", describe_thread(ident), age)
            elif self._kept >= self.limit and _has_waiters(hub):
                # The thread has polled since the GIL is free. What kept it can't be seen any more.
                self.stalls += 1
                self._note_end(self._kept)
                _log.warn(
                    "thread %s polls again after about %.1f s, in which a C function kept the GIL",
                    describe_thread(ident),
                    self._kept,
                )
            progress.restart(hub, self._clock)
        elif age >= self.limit and age >= progress.reported * GROWTH:
            stall = Stall(ident, age, progress.used(ident), self._go_on)
            _log.warn("%s", stall)
            # A program that waits for this number finds the report queued, and in the log after `_log.flush`.
            if not progress.reported:
                self.stalls += 1
            progress.reported = age
            call("stalled", stall)

    def _note_end(self, seconds: float) -> None:
        self.stalled += seconds
        self.longest = max(self.longest, seconds)


def _has_waiters(hub: "Hub") -> bool:
    """Return whether anything waits for `hub` to poll."""
    return hub._parked > 0 or hub.loop.alive()


class _Halted(Exception):
    """The watchdog's thread must end now."""


class _Progress:
    """What the watchdog knows of one hub. Attributes: `since`, when it first saw the current turn; `reported`, the
    age of the stall at the last report, or 0.
    """

    def __init__(self, hub: "Hub", clock: float) -> None:
        self.loop: Any = hub.loop
        if self.loop.lag is None:
            self.loop.lag = Histogram()
        self.restart(hub, clock)

    def restart(self, hub: "Hub", clock: float) -> None:
        """Begin anew: the hub polls."""
        self.turn = hub.loop.iteration
        self.since = clock
        self.reported = 0.0
        self._processor = _processor_time(hub.thread_ident)

    def used(self, ident: int) -> float:
        """Return the processor time that the thread has used since the last progress, in seconds."""
        return _processor_time(ident) - self._processor


def _processor_time(ident: int) -> float:
    # The identifier of a thread that has ended would crash the process. A thread with a hub lives: its end removes
    # the entry, and can't come between the test and the call, which keep the GIL.
    if _original.getcpuclockid is None or ident not in threads_with_hub:
        return 0.0
    return time.clock_gettime(_original.getcpuclockid(ident))
