"""One turn of the loop. This is the only file that knows its order.

    signals -> posts -> prepare -> poll -> fds -> check -> timers -> idle

A turn only fills the run queue (`ready`); the caller of `gather` then runs it. No code of the user runs under
the poll. What runs inside a turn are Python's signal handlers and the callbacks of prepare and check watchers:
they exist to run at just that point.

Fds come before timers, as in asyncio and unlike libuv: if the thread was busy for so long that an operation's data
and its timeout come in one turn, the data counts. Posts come before both, so that a thread that hands over work does
not wait for what else is ready; a turn takes in a bounded number.
"""

import sys
from collections import deque
from collections.abc import Callable
from errno import EBADF
from math import inf

from greenrt._loop.backends.base import Backend
from greenrt._loop.callback import READ, Entry
from greenrt._loop.clock import Clock
from greenrt._loop.fd_table import CLOSED, FdTable
from greenrt._loop.registry import describe_thread, mark_thread
from greenrt._loop.wakeup import SignalWakeup, Wakeup
from greenrt._native.heap import TimerHeap
from greenrt._native.ring import Ring
from greenrt._native.thread import check_signals, ident
from greenrt._typing import Any
from greenrt.errors import LoopClosed, WrongThread

__all__ = ["LoopBase"]

# How many posts a turn takes in: so many that the run queue holds a batch, and always a few.
POSTS_AT_MOST = 1000
POSTS_AT_LEAST = 100
# The same for timers. Many may come due at once, such as those of connections that were opened together: what comes
# in meanwhile must not wait behind all of them.
TIMERS_AT_MOST = 100
TIMERS_AT_LEAST = 10
# How long (seconds) a signal may go unnoticed: one that another thread takes, or that comes just before the poll. A
# longer sleep arms the wakeup fd, which takes three system calls.
NAP = 0.01
# A poll that ends in time does so within this (seconds): backends round up to milliseconds.
PROMPT = 0.005
# How many events a backend reports at once, and how many times in a row timers wait for the rest of them.
FULL_BATCH = 1024
FULL_BATCHES = 64


class Drain(Entry):
    """Waits for the wakeup fd for ever: a wakeup only has to end the poll."""

    __slots__ = ("fd", "fds", "needed", "source")

    def __init__(self, fds: FdTable, source: Any, needed: bool) -> None:
        self.fds = fds
        self.source = source
        self.fd = source.fd
        # Under a sticky registration each write to an eventfd is an event of its own, and need not be read.
        self.needed = needed
        fds.park(self.fd, READ, self)

    def fire(self, events: int) -> None:
        """See `Entry.fire`."""
        if events & CLOSED:
            return
        if self.needed:
            self.source.drain()
        self.fds.park(self.fd, READ, self)


class LoopBase:
    """State and turn of an event loop. Owner thread only, except `post`."""

    def __init__(self, backend: Backend, clock: Clock, watch_signals: bool) -> None:
        self.clock = clock
        self.ready = Ring()
        self.timers = TimerHeap()
        # How many active watchers and waits keep the loop alive.
        self.refs = 0
        # Takes no more posts; `ended`: not even finalizers, nothing of it will ever run.
        self.closed = False
        self.ended = False
        self.owner = ident()
        self.owner_mark = mark_thread()
        # How many callbacks of watchers are running: several if they switch greenlets by hand.
        self.calling = 0
        self.iteration = 0
        # Called with (context, type, value, traceback) for errors of callbacks.
        self.error_handler: Callable[..., object] | None = None
        self.prepares: list[Any] = []
        self.checks: list[Any] = []
        self.idles: list[Any] = []
        # The active watchers that hold something besides the loop: they learn of its end, and of a fork.
        self.holders: list[Any] = []
        # Looks for mistakes, while `Loop.debug` is true.
        self.inspector: Any = None
        # Watchers with a priority that fired in this turn.
        self.ranked: list[Any] = []
        # What other threads handed over, and whether they have woken the loop since it last looked.
        self.foreign: deque[Entry] = deque()
        self.armed = False
        # The loop that a callback of this one blocks for.
        self.awaits: Any = None
        self.watches_signals = watch_signals
        self._now = clock.now()
        # Since when the fds have had their say: a timer that was due by then may expire.
        self._polled_at = self._now
        self._full_batches = 0
        self._attach(backend)

    def _attach(self, backend: Backend) -> None:
        self.backend = backend
        self.fds = FdTable(backend)
        # Made now, not when needed: a post must never fail for want of an fd.
        self.wakeup = Wakeup()
        self.signal_wakeup: SignalWakeup | None = None
        try:
            Drain(self.fds, self.wakeup, not backend.sticky)
            if self.watches_signals:
                self.watch_signals()
        except BaseException:
            # No caller gets this loop, to close it.
            self._detach(False)
            raise

    def _detach(self, await_senders: bool) -> None:
        """Give back the kernel's objects."""
        self.backend.close()
        self.wakeup.close(await_senders)
        if self.signal_wakeup is not None:
            self.signal_wakeup.close()
            self.signal_wakeup = None

    def watch_signals(self) -> None:
        """Run Python's signal handlers in each turn; main thread only."""
        self.watches_signals = True
        self.signal_wakeup = SignalWakeup()
        Drain(self.fds, self.signal_wakeup, True)

    def on_owner_thread(self) -> bool:
        """Tell whether the calling thread owns the loop; any thread."""
        return ident() == self.owner

    def check_owner(self, what: str) -> None:
        """Raise WrongThread, naming `what`, unless the calling thread owns the loop."""
        if ident() != self.owner:
            raise WrongThread(
                f"{what} was called from thread {describe_thread(ident())}, but {self!r} belongs to thread "
                f"{describe_thread(self.owner)}; from other threads use loop.run_callback_threadsafe(fn, *args)"
            )

    def alive(self) -> bool:
        """Tell whether there is anything to run or to wait for."""
        return self.refs > 0 or len(self.ready) > 0 or len(self.foreign) > 0 or len(self.ranked) > 0

    def post(self, entry: Entry) -> None:
        """Have `entry` run by the owner thread; any thread, and signal handlers.

        First in, first out. Raises LoopClosed, or `entry` will run: it is never dropped.
        """
        if self.closed:
            raise LoopClosed(f"{self!r} is closed; nothing posted to it can run")
        foreign = self.foreign
        foreign.append(entry)
        if not self.armed:
            self.armed = True
            self.wake()
        # Closed between the two looks: if the close did not find the entry, no later step will.
        if self.closed and self._take_back(entry):
            raise LoopClosed(f"{self!r} was closed; nothing posted to it can run")

    def post_final(self, entry: Entry) -> bool:
        """`post` what a loop still runs while it closes; False, and `entry` was not taken, if it has ended."""
        if self.ended:
            return False
        self.foreign.append(entry)
        if not self.armed:
            self.armed = True
            self.wake()
        return not (self.ended and self._take_back(entry))

    def wake(self) -> None:
        """End the poll; any thread and signal handler."""
        # Not `armed`: that is cleared with what was posted only, and here nothing was.
        wakeup = self.wakeup
        wakeup.send()

    def _take_back(self, entry: Entry) -> bool:
        try:
            self.foreign.remove(entry)
        except ValueError:
            return False
        return True

    def collect_posts(self, limit: int = sys.maxsize) -> None:
        """Move what other threads posted to the run queue; `limit` of it at most."""
        # Cleared first: the other order loses the wakeup of a post made between the two. Cleared always: a post may
        # have been taken before its thread set this.
        self.armed = False
        foreign = self.foreign
        if foreign:
            ready = self.ready
            full = False
            for _ in range(min(len(foreign), limit)):
                try:
                    entry = foreign.popleft()
                except IndexError:
                    # A post that met the close has taken its entry back.
                    break
                try:
                    ready.append(entry)
                except MemoryError:
                    full = True
                if full:
                    # Where it was, which needs no memory. There is another turn.
                    foreign.appendleft(entry)
                    break

    def gather(self, limit: float) -> None:
        """Do one turn, sleeping for at most `limit` seconds: put what is ready into the run queue.

        Raises what a Python signal handler raises.
        """
        self.iteration += 1
        if self.inspector is not None:
            self.inspector.look()
        # Counted before the look for signals: a post that follows a signal runs after the signal's handler.
        posted = len(self.foreign)
        if self.watches_signals:
            check_signals()
        # No more than a batch: what fds and timers queue would wait behind all that threads can post.
        self.collect_posts(min(posted, max(POSTS_AT_LEAST, POSTS_AT_MOST - len(self.ready))))
        if self.prepares:
            self._run_hooks(self.prepares)
        count = self._poll(limit)
        try:
            # The handler of a signal runs before whatever the same poll wakes up: the signal may have come first.
            if self.watches_signals:
                check_signals()
        finally:
            if count:
                self._dispatch(count)
        if self.checks:
            self._run_hooks(self.checks)
        self._expire_timers()
        if self.idles and not len(self.ready) and not self.ranked:
            for idle in list(self.idles):
                idle.fire(0)
        if self.ranked:
            self._place_ranked()

    def _poll(self, limit: float) -> int:
        """Have the backend wait; return how many events there are."""
        try:
            return self._wait(limit)
        except OSError as error:
            if error.errno != EBADF or not self._recover():
                raise
        return 0

    def _recover(self) -> bool:
        """Tell whether fds of the loop's own were lost, after taking new ones. See `Loop`."""
        return False

    def _dispatch(self, count: int) -> None:
        # A signal handler has closed the loop, or has forked, and this is the child: the events are the parent's.
        if self.backend is self._polled:
            fds = self.fds
            fds.dispatch(count)

    def _wait(self, limit: float) -> int:
        backend = self._polled = self.backend
        begin = self.clock.now()
        timeout = self._timeout(limit, begin)
        wakeup = self.signal_wakeup
        if wakeup is None or 0.0 <= timeout <= NAP:
            count = backend.wait(timeout)
        else:
            count = backend.wait(NAP)
            if not count and backend is self.backend:
                wakeup.arm()
                try:
                    # A signal that arrived before arming would go unnoticed until the poll ends.
                    check_signals()
                    if backend is self.backend:
                        begin = self.clock.now()
                        timeout = self._timeout(limit, begin)
                        count = backend.wait(timeout)
                finally:
                    wakeup.disarm()
        self._note_poll(begin, timeout, count)
        # A signal handler has forked, and this is the child: the events are the parent's.
        return count if backend is self.backend else 0

    def _note_poll(self, begin: float, timeout: float, count: int) -> None:
        """Take the time after a poll, and note up to when it has asked for the readiness of fds.

        After a signal, a stopped process or a busy machine, the poll may end long after the kernel's last look at the
        fds. Timers that are due by now then wait for the next turn, which begins with another poll.
        """
        now = self.clock.now()
        self._now = now
        if count >= FULL_BATCH and self._full_batches < FULL_BATCHES:
            # There may be more events.
            self._full_batches += 1
            return
        self._full_batches = 0
        late = now - begin - timeout
        self._polled_at = now if count == 0 and timeout > 0.0 and 0.0 <= late <= PROMPT else begin

    def _timeout(self, limit: float, now: float) -> float:
        """Return how long the poll may sleep: seconds, negative for ever."""
        if limit <= 0.0 or len(self.ready) or self.foreign or self.idles or self.ranked:
            return 0.0
        timers = self.timers
        wait = timers.first_deadline() - now
        if wait > limit:
            wait = limit
        if wait <= 0.0:
            return 0.0
        return -1.0 if wait == inf else wait

    def _expire_timers(self) -> None:
        timers = self.timers
        now = self._polled_at
        # At most those that are here now: a timer that a callback restarts with 0 waits for the next turn.
        most = min(len(timers), max(TIMERS_AT_LEAST, TIMERS_AT_MOST - len(self.ready)))
        for _ in range(most):
            node: Any = timers.pop_due(now)
            if node is None:
                break
            node.fire(4)

    def _place_ranked(self) -> None:
        """Put the watchers with a priority before and behind the rest of the run queue."""
        ready = self.ready
        ranked = self.ranked
        others = len(ready)
        ranked.sort(key=_rank)
        first = [watcher for watcher in ranked if watcher.priority > 0]
        last = ranked[len(first) :]
        self.ranked = []
        # The run queue goes around once. It is never without what was in it: memory may fail.
        for watcher in first:
            ready.append(watcher)
        for _ in range(others):
            ready.append(ready.popleft())
        for watcher in last:
            ready.append(watcher)

    def _run_hooks(self, hooks: list[Any]) -> None:
        inspector = self.inspector
        # A copy: hooks start and stop each other, and themselves.
        for hook in list(hooks):
            try:
                if inspector is None:
                    hook.call_now()
                else:
                    inspector.call_hook(hook)
            except BaseException as error:
                self.handle_error(hook, type(error), error, error.__traceback__)

    def handle_error(self, context: Any, type: Any, value: Any, tb: Any) -> None:
        """Report an error of a callback to the `error_handler`, or raise it where there is none."""
        if self.error_handler is None:
            raise value
        self.error_handler(context, type, value, tb)


def _rank(watcher: Any) -> int:
    return -int(watcher.priority)
