"""One turn of the loop. Only this module defines the order of its steps:

    signals -> posts -> prepare -> poll -> fds -> check -> timers -> idle

A turn only fills the run queue (`ready`); the caller of `gather` then runs it. No user code runs inside the poll.
Python's signal handlers and the callbacks of prepare and check watchers run inside a turn: they exist to run at that
point.

Fds are processed before timers, as in asyncio and unlike libuv: if the thread was busy for so long that the data and
the timeout of an operation arrive in one turn, the operation succeeds. Posts are processed before both, so that work
from another thread does not wait for other ready events. Each turn processes a bounded number of posts and timers.
"""

import sys
from collections import deque
from collections.abc import Callable
from errno import EBADF
from math import inf

from greenrt._events import CLOSED, READ, TIMER
from greenrt._loop.backends.base import Backend
from greenrt._loop.callback import Entry
from greenrt._loop.clock import Clock
from greenrt._loop.fd_table import FdTable
from greenrt._loop.histogram import Histogram
from greenrt._loop.registry import describe_thread, mark_thread
from greenrt._loop.wakeup import SignalWakeup, Wakeup
from greenrt._native.heap import TimerHeap
from greenrt._native.ring import Ring
from greenrt._native.thread import check_signals, ident
from greenrt._typing import Any
from greenrt.errors import LoopClosed, WrongThread

__all__ = ["LoopBase"]

# How many posts a turn processes: it fills the run queue up to the first number, and processes at least the second.
POSTS_AT_MOST = 1000
POSTS_AT_LEAST = 100
# The same for timers. Many may expire at once, such as those of connections that were opened together. Events that
# arrive meanwhile must not wait for all of them.
TIMERS_AT_MOST = 100
TIMERS_AT_LEAST = 10
# How long (seconds) a signal may go unnoticed: one that another thread receives, or that arrives just before the
# poll. A longer sleep arms the wakeup fd, which costs three system calls.
NAP = 0.01
# A poll is on time if it ends within so many seconds after its timeout: backends round up to milliseconds.
PROMPT = 0.005
# How many events a backend reports at once, and for how many full batches in a row timers wait.
FULL_BATCH = 1024
FULL_BATCHES = 64


class Drain(Entry):
    """The permanent waiter for a wakeup fd. A wake-up only has to end the poll."""

    __slots__ = ("fd", "fds", "needed", "source")

    def __init__(self, fds: FdTable, source: Any, needed: bool) -> None:
        self.fds = fds
        self.source = source
        self.fd = source.fd
        # With an edge-triggered registration each write to an eventfd is an event of its own, and need not be read.
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
    """The state of an event loop, and its turn. Owner thread only, except `post`, `post_final` and `wake`."""

    def __init__(self, backend: Backend, clock: Clock, watch_signals: bool) -> None:
        self.clock = clock
        self.ready: Ring = Ring()
        self.timers: TimerHeap = TimerHeap()
        # How many active watchers and waits keep the loop alive.
        self.refs: int = 0
        # `closed`: the loop accepts no more posts. `ended`: it accepts no finalizers either, and runs nothing more.
        self.closed: bool = False
        self.ended: bool = False
        self.owner: int = ident()
        self.owner_mark: Any = mark_thread()
        # How many callbacks of watchers are running: several if callbacks switch greenlets by hand.
        self.calling: int = 0
        # A watchdog in another thread reads these two: a loop that neither counts a turn nor polls is held up.
        self.iteration: int = 0
        self.polling: bool = False
        # How many posts it has collected, for statistics.
        self.posts: int = 0
        # Records how long the entries of each turn kept the loop from its next poll, if it is set.
        self.lag: Histogram | None = None
        # Called with (context, type, value, traceback) for each error of a callback.
        self.error_handler: Callable[..., object] | None = None
        self.prepares: list[Any] = []
        self.checks: list[Any] = []
        self.idles: list[Any] = []
        # The active watchers that hold resources outside the loop. `end` stops them, and a fork calls `forked`.
        self.holders: list[Any] = []
        # Checks the loop for mistakes while `Loop.debug` is true.
        self.inspector: Any = None
        # Watchers with a priority that fired in this turn.
        self.prioritized: list[Any] = []
        # The posts of other threads, and whether these have woken up the loop since it last collected posts.
        self.foreign: deque[Entry] = deque()
        self.armed: bool = False
        # The loop for which a callback of this loop waits.
        self.waits_for: Any = None
        self.watches_signals: bool = watch_signals
        self._now = clock.now()
        # The readiness of fds up to this time was processed, so timers that were due by then may expire.
        self._polled_at = self._now
        self._full_batches = 0
        self._attach(backend)

    def _attach(self, backend: Backend) -> None:
        self._backend = backend
        self.fds: FdTable = FdTable(backend)
        # Made now and not on demand: a post must never fail because no fd is free.
        self.wakeup: Wakeup = Wakeup()
        self.signal_wakeup: SignalWakeup | None = None
        try:
            Drain(self.fds, self.wakeup, not backend.has_edges)
            if self.watches_signals:
                self.watch_signals()
        except BaseException:
            # No caller gets this loop, so no caller can close it.
            self._detach(False)
            raise

    def _detach(self, await_senders: bool) -> None:
        """Close the kernel objects."""
        self._backend.close()
        self.wakeup.close(await_senders)
        if self.signal_wakeup is not None:
            self.signal_wakeup.close()
            self.signal_wakeup = None

    def watch_signals(self) -> None:
        """Run Python's signal handlers in each turn. Main thread only."""
        self.watches_signals = True
        self.signal_wakeup = SignalWakeup()
        Drain(self.fds, self.signal_wakeup, True)

    def on_owner_thread(self) -> bool:
        """Return whether the calling thread owns the loop. May be called from any thread."""
        return ident() == self.owner

    def check_owner(self, what: str) -> None:
        """Raise WrongThread unless the calling thread owns the loop. `what` names the caller's method."""
        if ident() != self.owner:
            raise WrongThread(
                f"{what} was called from thread {describe_thread(ident())}, but {self!r} belongs to thread "
                f"{describe_thread(self.owner)}; from other threads use loop.run_callback_threadsafe(fn, *args)"
            )

    def alive(self) -> bool:
        """Return whether the loop has something to run or to wait for."""
        return self.refs > 0 or len(self.ready) > 0 or len(self.foreign) > 0 or len(self.prioritized) > 0

    def post(self, entry: Entry) -> None:
        """Make the owner thread run `entry`. May be called from any thread and signal handler.

        Posts run first in, first out. If this does not raise LoopClosed, `entry` will run: it is never dropped.
        """
        if self.closed:
            raise LoopClosed(f"{self!r} is closed; nothing posted to it can run")
        foreign = self.foreign
        foreign.append(entry)
        if not self.armed:
            self.armed = True
            self.wake()
        # The loop was closed between the two tests. If the close has not found the entry, no later step will.
        if self.closed and self._withdraw_post(entry):
            raise LoopClosed(f"{self!r} was closed; nothing posted to it can run")

    def post_final(self, entry: Entry) -> bool:
        """Post an entry that the loop runs even while it closes; return False, without posting, if it has ended."""
        if self.ended:
            return False
        self.foreign.append(entry)
        if not self.armed:
            self.armed = True
            self.wake()
        return not (self.ended and self._withdraw_post(entry))

    def wake(self) -> None:
        """End the poll. May be called from any thread and signal handler."""
        # `armed` is not set: only the collection of posts clears it, and here is no post.
        wakeup = self.wakeup
        wakeup.send()

    def _withdraw_post(self, entry: Entry) -> bool:
        try:
            self.foreign.remove(entry)
        except ValueError:
            return False
        return True

    def collect_posts(self, limit: int = sys.maxsize) -> None:
        """Move at most `limit` posts of other threads to the run queue."""
        # Cleared first: the other order loses the wake-up for a post between the two steps. Cleared always: a post
        # may have been collected before its thread set `armed`.
        self.armed = False
        foreign = self.foreign
        if foreign:
            ready = self.ready
            full = False
            for _ in range(min(len(foreign), limit)):
                try:
                    entry = foreign.popleft()
                except IndexError:
                    # A post that ran into the close has withdrawn its entry.
                    break
                self.posts += 1
                try:
                    ready.append(entry)
                except MemoryError:
                    full = True
                if full:
                    # Put it back, which needs no memory. The next turn tries again.
                    foreign.appendleft(entry)
                    self.posts -= 1
                    break

    def gather(self, limit: float) -> None:
        """Run one turn: sleep for at most `limit` seconds, and add the ready entries to the run queue.

        Raises the exceptions of Python's signal handlers.
        """
        self.iteration += 1
        if self.inspector is not None:
            self.inspector.check()
        # Counted before the check for signals: a post that follows a signal runs after the signal's handler.
        posted = len(self.foreign)
        if self.watches_signals:
            check_signals()
        # At most a batch: otherwise the entries of fds and timers would wait for everything that threads can post.
        self.collect_posts(min(posted, max(POSTS_AT_LEAST, POSTS_AT_MOST - len(self.ready))))
        if self.prepares:
            self._run_hooks(self.prepares)
        count = self._poll(limit)
        try:
            # The handler of a signal runs before the entries of the same poll, since the signal may have arrived
            # first.
            if self.watches_signals:
                check_signals()
        finally:
            if count:
                self._dispatch(count)
        if self.checks:
            self._run_hooks(self.checks)
        self._expire_timers()
        if self.idles and not len(self.ready) and not self.prioritized:
            for idle in list(self.idles):
                idle.fire(0)
        if self.prioritized:
            self._queue_prioritized()

    def _poll(self, limit: float) -> int:
        """Wait in the backend; return the number of events."""
        try:
            return self._wait(limit)
        except OSError as error:
            if error.errno != EBADF or not self._recover():
                raise
        return 0

    def _recover(self) -> bool:
        """Replace the loop's own fds if the program has closed them; return whether it has. See `Loop`."""
        return False

    def _dispatch(self, count: int) -> None:
        # If the backend differs, a signal handler has closed the loop, or has forked and this is the child. The
        # events belong to the old backend.
        if self._backend is self._polled:
            fds = self.fds
            fds.dispatch(count)

    def _wait(self, limit: float) -> int:
        backend = self._polled = self._backend
        begin = self.clock.now()
        if self.lag is not None:
            self.lag.record(begin - self._now)
        timeout = self._timeout(limit, begin)
        wakeup = self.signal_wakeup
        if wakeup is None or 0.0 <= timeout <= NAP:
            count = self._sleep(backend, timeout)
        else:
            count = self._sleep(backend, NAP)
            if not count and backend is self._backend:
                wakeup.arm()
                try:
                    # A signal that arrived before arming would go unnoticed until the poll ends.
                    check_signals()
                    if backend is self._backend:
                        begin = self.clock.now()
                        timeout = self._timeout(limit, begin)
                        count = self._sleep(backend, timeout)
                finally:
                    wakeup.disarm()
        self._note_poll(begin, timeout, count)
        # If the backend differs, a signal handler has forked and this is the child: the events belong to the parent.
        return count if backend is self._backend else 0

    def _sleep(self, backend: Backend, timeout: float) -> int:
        self.polling = True
        try:
            return backend.wait(timeout)
        finally:
            self.polling = False

    def _note_poll(self, begin: float, timeout: float, count: int) -> None:
        """Read the clock after a poll, and record up to which time the readiness of fds is known.

        After a signal, with a stopped process or on a busy machine, the poll may end long after the kernel last
        checked the fds. Timers that are due by now then wait for the next turn, which begins with another poll.
        """
        now = self.clock.now()
        self._now = now
        if count >= FULL_BATCH and self._full_batches < FULL_BATCHES:
            # The backend may have more events.
            self._full_batches += 1
            return
        self._full_batches = 0
        late = now - begin - timeout
        self._polled_at = now if count == 0 and timeout > 0.0 and 0.0 <= late <= PROMPT else begin

    def _timeout(self, limit: float, now: float) -> float:
        """Return how long the poll may sleep, in seconds; negative for no limit."""
        if limit <= 0.0 or len(self.ready) or self.foreign or self.idles or self.prioritized:
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
        # At most the timers that are active now: one that is restarted with 0 waits for the next turn.
        most = min(len(timers), max(TIMERS_AT_LEAST, TIMERS_AT_MOST - len(self.ready)))
        for _ in range(most):
            node: Any = timers.pop_due(now)
            if node is None:
                break
            node.fire(TIMER)

    def _queue_prioritized(self) -> None:
        """Queue the watchers with a positive priority first and those with a negative priority last."""
        ready = self.ready
        prioritized = self.prioritized
        others = len(ready)
        prioritized.sort(key=_rank)
        first = [watcher for watcher in prioritized if watcher.priority > 0]
        last = prioritized[len(first) :]
        self.prioritized = []
        # This rotates the run queue once, and does not copy it: no entry is lost if there is no memory.
        for watcher in first:
            ready.append(watcher)
        for _ in range(others):
            ready.append(ready.popleft())
        for watcher in last:
            ready.append(watcher)

    def _run_hooks(self, hooks: list[Any]) -> None:
        inspector = self.inspector
        # A copy, since hooks may start and stop each other and themselves.
        for hook in list(hooks):
            try:
                if inspector is None:
                    hook.call_now()
                else:
                    inspector.call_hook(hook)
            except BaseException as error:
                self.handle_error(hook, type(error), error, error.__traceback__)

    def handle_error(self, context: Any, type: Any, value: Any, tb: Any) -> None:
        """Pass the error of a callback to the `error_handler`; raise it if there is none."""
        if self.error_handler is None:
            raise value
        self.error_handler(context, type, value, tb)


def _rank(watcher: Any) -> int:
    return -int(watcher.priority)
