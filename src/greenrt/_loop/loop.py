"""The event loop: it makes watchers and callbacks, runs by itself or under a hub, and closes."""

import os
from collections import deque
from collections.abc import Callable, Iterable
from math import inf, isnan

from greenrt import _providers
from greenrt._events import READ, WRITE
from greenrt._loop.backends import backend_class
from greenrt._loop.callback import Callback, Entry, as_callable
from greenrt._loop.clock import Clock
from greenrt._loop.completion import Closing, Completion
from greenrt._loop.finalizer import Finalizer, finalize
from greenrt._loop.registry import mark_thread, register
from greenrt._loop.turn import LoopBase
from greenrt._loop.watchers.async_ import Async
from greenrt._loop.watchers.base import MAX_PRIORITY, MIN_PRIORITY, Watcher, with_priority
from greenrt._loop.watchers.fork import Fork
from greenrt._loop.watchers.hook import Hook
from greenrt._loop.watchers.io import Io
from greenrt._loop.watchers.timer import Timer
from greenrt._native.thread import coarse, ident
from greenrt._signature import ConstructorSignature
from greenrt._typing import TYPE_CHECKING, Any, TypeVarTuple, Unpack
from greenrt.errors import LoopClosed

if TYPE_CHECKING:
    from greenrt._loop.backends.base import Backend
    from greenrt._loop.watchers.child import Child
    from greenrt._loop.watchers.embed import Embed
    from greenrt._loop.watchers.signal import Signal
    from greenrt._loop.watchers.stat import Stat

__all__ = ["READ", "WRITE", "Loop"]

Ts = TypeVarTuple("Ts")

# A batch of callbacks ends after so many seconds or so many callbacks, so that fds and timers do not wait too long.
BATCH_SECONDS = 0.008
BATCH_CALLBACKS = 1000

# epoll_wait(2) counts milliseconds.
TIMER_RESOLUTION = 0.001

# How many times finalizers may queue further finalizers while a loop closes.
CLOSING_ROUNDS = 100


class Loop(LoopBase):
    """The event loop of one native thread, its owner thread.

    backend: a name from `greenrt._loop.backends.available`, or a Backend; the default is ``GREENRT_BACKEND``, else
    the best one. clock: another clock, for tests. default: whether this is the loop of the main thread, which runs
    Python's signal handlers.

    Other threads may make watchers, but not start them. They may also call `run_callback_threadsafe`, `post`,
    `close`, `break_`, `stop`, `proxy`, `finalize_all` and `on_owner_thread`, and stop, close and finalize watchers.
    Other methods raise WrongThread there.
    """

    __signature__: ConstructorSignature = ConstructorSignature()

    # Declared once more: pyright ignores the declaration of a base if the class itself assigns to the attribute.
    closed: bool
    inspector: Any
    refs: int

    def __init__(
        self, backend: "str | Backend | None" = None, clock: Clock | None = None, default: bool = False
    ) -> None:
        self.default: bool = default
        # A break or stop before `run` ends the next run.
        self._breaking = False
        self._stop_at = inf
        # The times (seconds) at which calls of `stop`, from any thread, want the run to end.
        self._stops: deque[float] = deque()
        self._running = False
        # The completions of all calls of `close`, and the token of the one thread that may close the loop.
        self._closings: deque[Closing] = deque()
        self._close_token = [None]
        self._released = False
        made = backend_class(backend)() if backend is None or isinstance(backend, str) else backend
        super().__init__(made, clock if clock is not None else Clock(), default)
        register(self)

    # -- Watchers. `priority` is described at `Watcher.priority`. Async watchers have none: posts run in order.

    # gevent's names.
    MAXPRI: int = MAX_PRIORITY
    MINPRI: int = MIN_PRIORITY

    def io(self, fd: int, events: int, ref: bool = True, priority: int | None = None) -> Io:
        """Return a watcher for readiness of `fd`; events: READ (1), WRITE (2) or both (3)."""
        return with_priority(Io(self, fd, events, ref), priority)

    def timer(
        self, after: float, repeat: float = 0.0, ref: bool = True, priority: int | None = None
    ) -> Timer:
        """Return a watcher that calls back after `after` seconds, then every `repeat` seconds unless that is 0."""
        return with_priority(Timer(self, after, repeat, ref), priority)

    def prepare(self, ref: bool = True, priority: int | None = None) -> Hook:
        """Return a watcher that calls back in each turn before the poll."""
        return with_priority(Hook(self, self.prepares, ref), priority)

    def check(self, ref: bool = True, priority: int | None = None) -> Hook:
        """Return a watcher that calls back in each turn after the poll."""
        return with_priority(Hook(self, self.checks, ref), priority)

    def idle(self, ref: bool = True, priority: int | None = None) -> Hook:
        """Return a watcher that calls back each time nothing else is ready. It keeps the loop from sleeping."""
        return with_priority(Hook(self, self.idles, ref), priority)

    def async_(self, ref: bool = True) -> Async:
        """Return a watcher whose `send` any thread may call."""
        return Async(self, ref)

    def signal(self, number: int, ref: bool = True, priority: int | None = None) -> "Signal":
        """Return a watcher for the arrivals of signal `number`; see `greenrt._loop.watchers.signal.Signal`."""
        # Imported late, since few programs need it.
        from greenrt._loop.watchers.signal import Signal

        return with_priority(Signal(self, number, ref), priority)

    def child(self, pid: int, trace: bool = False, ref: bool = True, priority: int | None = None) -> "Child":
        """Return a watcher for the end of child process `pid`; see `greenrt._loop.watchers.child.Child`."""
        # Imported late, since few programs need it.
        from greenrt._loop.watchers.child import Child

        return with_priority(Child(self, pid, trace, ref), priority)

    def stat(
        self,
        path: str | bytes | os.PathLike[str],
        interval: float = 0.0,
        ref: bool = True,
        priority: int | None = None,
    ) -> "Stat":
        """Return a watcher for changes of `path`, checked every `interval` seconds; see `_loop/watchers/stat.py`."""
        # Imported late, since few programs need it.
        from greenrt._loop.watchers.stat import Stat

        return with_priority(Stat(self, path, interval, ref), priority)

    def embed(
        self, fd: int | None = None, interval: float = 1 / 60, ref: bool = True, priority: int | None = None
    ) -> "Embed":
        """Return a watcher that runs another event loop inside this one; see `greenrt._loop.watchers.embed.Embed`."""
        # Imported late, since few programs need it.
        from greenrt._loop.watchers.embed import Embed

        return with_priority(Embed(self, fd, interval, ref), priority)

    def fork(self, ref: bool = False, priority: int | None = None) -> Fork:
        """Return a watcher that calls back in the child of a fork, before `os.fork` returns there; see `Fork`."""
        return with_priority(Fork(self, ref), priority)

    def finalize_all(
        self, watchers: Iterable[Watcher], fn: Callable[[list[Watcher]], object] | None = None
    ) -> bool:
        """Finalize watchers of this loop together: call ``fn(watchers)`` once, when all of them are quiet.

        See `Watcher.finalize`. May be called from any thread. Raises ValueError for a watcher of another loop. If one
        of them is finalized already, raises Finalized and changes none of them.
        """
        ours = list(dict.fromkeys(watchers))
        for watcher in ours:
            if watcher.loop is not self:
                raise ValueError(f"{watcher!r} belongs to {watcher.loop!r}; finalize it there")
        if fn is not None:
            as_callable(fn)
        return finalize(self, ours, fn, ours, False)

    # -- Callbacks

    def run_callback(self, callback: Callable[[Unpack[Ts]], object], *args: Unpack[Ts]) -> Callback:
        """Queue ``callback(*args)``, first in, first out. Return a handle with which the call can be stopped."""
        self.check_owner("loop.run_callback")
        if self.closed:
            self.post(Callback(callback, args))  # raises LoopClosed
        entry = Callback(as_callable(callback), args)
        self.ready.append(entry)
        return entry

    def run_callback_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: Unpack[Ts]
    ) -> Callback:
        """Queue ``callback(*args)`` and wake up the loop. May be called from any thread and signal handler.

        The calls of each thread run first in, first out. If this does not raise LoopClosed, the call will run.
        """
        entry = Callback(as_callable(callback), args)
        self.post(entry)
        return entry

    def proxy(self) -> Any:
        """Return a LoopProxy, a handle of the loop for other threads. May be called from any thread."""
        assert _providers.make_proxy is not None
        return _providers.make_proxy(self)

    # -- Running

    def run(self, nowait: bool = False, once: bool = False) -> str:
        """Run until nothing is left to do. Only for a loop that no hub runs.

        nowait: run one turn without sleeping. once: run one turn. Returns the reason for the end: "idle" (nothing is
        left), "broke" (`break_`), "stopped" (`stop`), "once", "closed" (by a callback). Raises RuntimeError if the
        loop is running already, and LoopClosed if it is closed.
        """
        self._check_open("loop.run")
        if self._running:
            raise RuntimeError(f"{self!r} is running already; a callback can't run it again")
        self._running = True
        try:
            while True:
                if self._breaking:
                    self._breaking = False
                    return "broke"
                stop_at = self._when_to_stop()
                if stop_at == inf and not self.alive():
                    return "idle"
                self.gather(0.0 if nowait else max(0.0, stop_at - self.clock.now()))
                self.run_batch()
                stop_at = self._when_to_stop()
                if stop_at != inf and self.clock.now() >= stop_at:
                    self._run_all_ready()
                if self.closed:
                    return "closed"
                if self._breaking:
                    continue
                if self.clock.now() >= stop_at:
                    self._stop_at = inf
                    return "stopped"
                if nowait or once:
                    return "once"
        finally:
            self._running = False

    def _when_to_stop(self) -> float:
        while self._stops:
            self._stop_at = min(self._stop_at, self._stops.popleft())
        return self._stop_at

    def _run_all_ready(self) -> None:
        """Run all entries that are in the run queue now."""
        left = len(self.ready)
        while left > 0 and len(self.ready) and not self._breaking:
            left -= self.run_batch(left)

    def run_batch(self, most: int = BATCH_CALLBACKS) -> int:
        """Run entries that are in the run queue now, at most `most` and for a bounded time; return how many."""
        ready = self.ready
        inspector = self.inspector
        give_up = coarse() + BATCH_SECONDS
        done = 0
        for _ in range(min(len(ready), most)):
            if not len(ready):
                # The previous callback has closed the loop.
                break
            entry = ready.popleft()
            done += 1
            try:
                if inspector is None:
                    entry.run()
                else:
                    inspector.run(entry)
            except BaseException as error:
                self.handle_error(entry, type(error), error, error.__traceback__)
            if self._breaking or coarse() >= give_up:
                break
        return done

    def break_(self) -> None:
        """End the current or the next `run` after the current callback. Any thread and signal handler may call it."""
        self._breaking = True
        # The loop may be in a poll, if the caller is a signal handler or another thread.
        self.wake()

    def stop(self, after: float = 0.0) -> None:
        """End the current or the next `run` in `after` seconds, after the callbacks that are ready then.

        Of several calls the earliest time counts. May be called from any thread and signal handler. Raises ValueError
        for NaN.
        """
        if isnan(after):
            raise ValueError("stop(after) takes a number of seconds, not nan")
        # Not an entry of the run queue: a `run` that has nothing else to do would end before it.
        self._stops.append(self.clock.now() + max(after, 0.0))
        self.wake()

    @property
    def running(self) -> bool:
        """Whether `run` is running the loop."""
        return self._running

    def _check_open(self, what: str) -> None:
        self.check_owner(what)
        if self.closed:
            raise LoopClosed(f"{what}: {self!r} is closed; make a new one")

    # -- Time, references, state

    def now(self) -> float:
        """Return the time of the last poll on the loop's monotonic clock, in seconds."""
        return self._now

    def update_now(self) -> None:
        """Read the clock again; `now` returns the new time."""
        self.check_owner("loop.update_now")
        self._now = self.clock.now()

    update = update_now

    @property
    def debug(self) -> bool:
        """Whether the loop checks for mistakes and logs them to ``greenrt``. It can be set at any time.

        The checks find callbacks in the hub that take longer than 50 ms; greenlets that run longer than that without
        a switch (logged at the switch, with the place); fds that are closed while a greenlet waits for them; and idle
        watchers that keep the loop awake for long. Each turn then checks all fds with waiters, and each switch reads
        the clock. Calls from a wrong thread raise WrongThread with and without `debug`.
        """
        return self.inspector is not None

    @debug.setter
    def debug(self, value: bool) -> None:
        self._check_open("loop.debug")
        if bool(value) == self.debug:
            return
        if value:
            # Imported late, since few programs need it.
            from greenrt._loop.debug import Inspector

            make_tracer = _providers.make_tracer
            self.inspector = Inspector(self, make_tracer(self) if make_tracer is not None else None)
        else:
            self.inspector.close()
            self.inspector = None

    def ref(self) -> None:
        """Keep the loop alive until a matching `unref`."""
        self.check_owner("loop.ref")
        self.refs += 1

    def unref(self) -> None:
        """Undo one `ref`. Raises ValueError if there is none."""
        self.check_owner("loop.unref")
        if self.refs <= 0:
            raise ValueError(f"{self!r} has no references; call ref() before unref()")
        self.refs -= 1

    @property
    def activecnt(self) -> int:
        """The number of active watchers and waits that keep the loop alive."""
        return self.refs

    @property
    def pendingcnt(self) -> int:
        """The number of entries in the run queue."""
        return len(self.ready)

    @property
    def wakeups(self) -> int:
        """How often other threads have woken up the loop: at most once per turn, for any number of posts."""
        return self.wakeup.sent

    @property
    def backend(self) -> str:
        """The name of the backend."""
        return self._backend.name

    @property
    def ptr(self) -> int:
        """A number that no other living loop has; 0 once the loop is closed. gevent has this attribute."""
        return 0 if self.closed else id(self)

    @property
    def approx_timer_resolution(self) -> float:
        """About how late a timer of an idle loop may be, in seconds."""
        return TIMER_RESOLUTION

    def install_sigchld(self) -> None:
        """Do nothing: child watchers use no signal. gevent's loop has this method."""

    def reset_sigchld(self) -> None:
        """Do nothing, see `install_sigchld`."""

    def fileno(self) -> int:
        """Return the fd of the kernel object of the backend, or -1 if it has none."""
        return self._backend.fileno()

    def reinit(self) -> None:
        """Replace the kernel objects of the loop, in the child of a fork. greenrt does so for the forking thread.

        The inherited objects are closed, and no fd is removed from them, since the parent shares them. In the child
        the loops of other threads are closed, and raise LoopClosed.
        """
        self._check_open("loop.reinit")
        self.owner_mark: Any = mark_thread()
        self._renew()
        self._cancel_finalizers()
        for holder in list(self.holders):
            holder.forked()

    def _renew(self) -> None:
        """Make new kernel objects. Waiters for an fd continue to wait, or are fired with CLOSED if it is closed."""
        own = self._own_fds()
        waiting = [entry for entry in self.fds.all_entries() if entry.fd not in own]
        self._detach(False)
        self.armed = False
        self._attach(self._backend.fresh())
        for entry in waiting:
            self.fds.adopt(entry)
        # There may be posts that have woken up the old objects. And if a signal handler has forked, the poll that
        # continues after it must end, since its fds belong to the old objects.
        self.wakeup.send()

    def _own_fds(self) -> set[int]:
        own = {self.wakeup.fd}
        if self.signal_wakeup is not None:
            own.add(self.signal_wakeup.fd)
        return own

    def _recover(self) -> bool:
        # A daemon closes all fds that it does not know.
        for fd in (self._backend.fileno(), *self._own_fds()):
            try:
                if fd >= 0:
                    os.fstat(fd)
            except OSError:
                break
        else:
            return False
        from greenrt import _log

        _log.warn("the fds of %r were closed by the program; the loop continues with new ones", self)
        self._renew()
        return True

    def abandon(self) -> None:
        """Close the loop of a thread that does not exist in this child of a fork. Runs and drops nothing.

        Posted entries belong to the parent: their destructors must not run here.
        """
        if self._released:
            return
        self.owner: int = ident()
        self._close_token.clear()
        self.closed = True
        self.ended = True
        # The backend is closed first: the steps below must not change the epoll instance, which the parent shares.
        self._backend.close()
        for holder in list(self.holders):
            holder._quiesce()
        self._detach(False)
        self._released = True
        # Wake up the waiters in the child: nothing will carry out their requests.
        for entry in list(self.foreign):
            if isinstance(entry, Completion):
                entry.finish()
        self._finish_closings()

    def become_default(self) -> None:
        """Run Python's signal handlers in this loop, as the main thread's loop does; in the child of a fork."""
        self._check_open("loop.become_default")
        if not self.default:
            self.default = True
            self.watch_signals()

    def _cancel_finalizers(self) -> None:
        """Cancel the queued finalizers, in the child of a fork: the parent runs them."""
        for queue in (self.ready, self.foreign):
            for _ in range(len(queue)):
                entry = queue.popleft()
                if isinstance(entry, Finalizer):
                    entry.cancel()
                else:
                    queue.append(entry)

    def close(self, finalizers: bool = True) -> Closing:
        """Run the posts and finalizers, drop all other entries, and close all fds. No watcher fires any more.

        finalizers: whether to call the finalizers that are queued. Finalizers may queue further finalizers, 100 deep;
        the rest is dropped, and an error is logged.

        In the owner thread, outside of the loop's callbacks, the loop is closed when this returns. Otherwise the
        owner closes it after its current callback; call ``wait(timeout)`` on the returned completion to wait for
        that. If the owner thread has ended, the caller closes the loop. Idempotent; may be called from any thread.
        """
        closing = Closing(self, finalizers)
        self._closings.append(closing)
        if self.on_owner_thread():
            inline = not self._running and not self.calling
        else:
            inline = self.owner_mark() is None
        if inline:
            closing.run()
        else:
            self.post_final(closing)
        if self._released:
            # The loop ended before this call, or during it without seeing this completion.
            self._finish_closings()
        return closing

    def end(self, finalizers: bool = True) -> None:
        """Close the loop at once; for `Closing` and for the end of the owner thread.

        Owner thread only, and outside of the loop's callbacks.
        """
        try:
            # Only one thread gets the token.
            self._close_token.pop()
        except IndexError:
            return
        self.owner = ident()
        self.closed = True
        if self.inspector is not None:
            self.inspector.close()
        for holder in list(self.holders):
            holder.stop()
        failure = self._drain(finalizers)
        for node in self.timers.drain():
            del node
        self.ready.clear()
        self._detach(True)
        self._released = True
        # A closed loop runs no signal handlers.
        self.default = False
        self._finish_closings()
        if failure is not None:
            raise failure

    def has_calls(self) -> bool:
        """Return whether posted calls or finalizers have yet to run. Owner thread only."""
        entries = list(self.foreign)
        ready = self.ready
        # A ring can't be iterated, so it is rotated once.
        for _ in range(len(ready)):
            entry = ready.popleft()
            ready.append(entry)
            entries.append(entry)
        return any(isinstance(entry, (Callback, Finalizer)) for entry in entries)

    def _finish_closings(self) -> None:
        while self._closings:
            try:
                closing = self._closings.popleft()
            except IndexError:
                break
            closing.finish()

    def _drain(self, finalizers: bool) -> BaseException | None:
        """Run all queued entries and the entries that these queue; return the first error that was not handled."""
        ready = self.ready
        failure = None
        for _ in range(CLOSING_ROUNDS):
            self.collect_posts()
            if not len(ready):
                break
            failure = self._run_remaining(finalizers) or failure
        self.collect_posts()
        left = len(ready)
        self.ended: bool = True
        # A thread in `post_final` may not have seen the end yet. After this, no thread can add an entry.
        self.collect_posts()
        failure = self._run_remaining(finalizers and not left) or failure
        if left:
            # Imported late, since few programs need it.
            from greenrt import _log

            _log.error(
                "%r is closed, but its finalizers keep queueing finalizers; dropped %d after %d rounds",
                self,
                left,
                CLOSING_ROUNDS,
            )
        return failure

    def _run_remaining(self, finalizers: bool) -> BaseException | None:
        ready = self.ready
        failure = None
        for _ in range(len(ready)):
            entry = ready.popleft()
            # A hub also queues greenlets, which only the hub can run. Of the watchers only async ones run: the
            # watcher of an fd that stays ready would run again and again.
            if not isinstance(entry, Entry) or (isinstance(entry, Watcher) and not isinstance(entry, Async)):
                continue
            try:
                if finalizers or not isinstance(entry, Finalizer):
                    entry.run()
                else:
                    entry.cancel()
            except BaseException as error:
                try:
                    self.handle_error(entry, type(error), error, error.__traceback__)
                except BaseException as unhandled:
                    failure = failure or unhandled
        return failure

    destroy = close

    def __repr__(self) -> str:
        where = "" if ident() == self.owner else f" of thread {self.owner:#x}"
        state = (
            "closed" if self.closed else f"refs={self.refs} ready={len(self.ready)} timers={len(self.timers)}"
        )
        return f"<Loop at {id(self):#x}{where} {self._backend.name} {state}>"
