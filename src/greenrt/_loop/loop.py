"""The event loop: makes watchers and callbacks, runs by itself or under a hub, ends."""

import os
from collections import deque
from collections.abc import Callable, Iterable
from math import inf, isnan

from greenrt._loop import fork
from greenrt._loop.backends import backend_class
from greenrt._loop.callback import READ, WRITE, Callback, Entry, as_callable
from greenrt._loop.clock import Clock
from greenrt._loop.completion import Closing, Ticket
from greenrt._loop.finalizer import Finalizer, finalize
from greenrt._loop.registry import mark_thread, register
from greenrt._loop.turn import LoopBase
from greenrt._loop.watchers.async_ import Async
from greenrt._loop.watchers.base import MAX_PRIORITY, MIN_PRIORITY, Watcher, ranked
from greenrt._loop.watchers.fork import Fork
from greenrt._loop.watchers.hook import Hook
from greenrt._loop.watchers.io import Io
from greenrt._loop.watchers.timer import Timer
from greenrt._native.thread import coarse, ident
from greenrt._typing import Any
from greenrt.errors import LoopClosed

__all__ = ["READ", "WRITE", "Loop", "set_proxy_factory", "set_tracer_factory"]

# A batch of callbacks ends after so many seconds, or so many callbacks, so that fds and timers get their turn.
BATCH_SECONDS = 0.008
BATCH_CALLBACKS = 1000

# How deep finalizers may queue finalizers while a loop closes.
CLOSING_ROUNDS = 100

_factories: dict[str, Callable[[Any], Any]] = {}


def set_proxy_factory(factory: Callable[[Any], Any]) -> None:
    """Register what makes ``loop.proxy()``, which belongs to a higher layer: its `call` parks."""
    _factories["proxy"] = factory


def set_tracer_factory(factory: Callable[[Any], Any]) -> None:
    """Register what `Loop.debug` looks at greenlets with; they belong to a higher layer. Returns None or a Tracer."""
    _factories["tracer"] = factory


class Loop(LoopBase):
    """An event loop of one native thread.

    `backend` is a name out of `greenrt._loop.backends.available` (default: the best one, or ``GREENRT_BACKEND``)
    or a Backend; `clock` is for tests. The `default` loop is the main thread's: it runs Python signal handlers.

    Owner thread only, except `run_callback_threadsafe`, `post`, `close`, `break_`, `stop`, the ends of watchers and
    `on_owner_thread`. Other threads get WrongThread. They may make watchers, but not start them.
    """

    def __init__(self, backend: Any = None, clock: Clock | None = None, default: bool = False) -> None:
        self.default = default
        # Sticky: a break or a stop that comes before `run` ends that run.
        self._breaking = False
        self._stop_at = inf
        # What `stop` asked for, from any thread.
        self._stops: deque[float] = deque()
        self._running = False
        # The waiters for the close, and an item for the one thread that may do it.
        self._closings: deque[Closing] = deque()
        self._right_to_close = [None]
        self._gone = False
        if backend is None or isinstance(backend, str):
            backend = backend_class(backend)()
        super().__init__(backend, clock if clock is not None else Clock(), default)
        register(self)

    # -- Watchers. `priority` is that of `Watcher.priority`; async watchers have none, posts come in order.

    # As gevent calls them.
    MAXPRI = MAX_PRIORITY
    MINPRI = MIN_PRIORITY

    def io(self, fd: int, events: int, ref: bool = True, priority: int | None = None) -> Io:
        """Return a watcher for READ (1) and WRITE (2) readiness of `fd`."""
        return ranked(Io(self, fd, events, ref), priority)

    def timer(
        self, after: float, repeat: float = 0.0, ref: bool = True, priority: int | None = None
    ) -> Timer:
        """Return a watcher that calls back after `after` seconds, then every `repeat` seconds unless 0."""
        return ranked(Timer(self, after, repeat, ref), priority)

    def prepare(self, ref: bool = True, priority: int | None = None) -> Hook:
        """Return a watcher that calls back in each turn before the poll."""
        return ranked(Hook(self, self.prepares, ref), priority)

    def check(self, ref: bool = True, priority: int | None = None) -> Hook:
        """Return a watcher that calls back in each turn after the poll."""
        return ranked(Hook(self, self.checks, ref), priority)

    def idle(self, ref: bool = True, priority: int | None = None) -> Hook:
        """Return a watcher that calls back whenever nothing else is ready; the loop never sleeps meanwhile."""
        return ranked(Hook(self, self.idles, ref), priority)

    def async_(self, ref: bool = True) -> Async:
        """Return a watcher whose `send` any thread may call."""
        return Async(self, ref)

    def signal(self, number: int, ref: bool = True, priority: int | None = None) -> Any:
        """Return a watcher of a signal's arrivals; see `greenrt._loop.watchers.signal.Signal`."""
        # Here, since few programs need it.
        from greenrt._loop.watchers.signal import Signal

        return ranked(Signal(self, number, ref), priority)

    def child(self, pid: int, trace: bool = False, ref: bool = True, priority: int | None = None) -> Any:
        """Return a watcher of the end of child process `pid`; see `greenrt._loop.watchers.child.Child`."""
        # Here, since few programs need it.
        from greenrt._loop.watchers.child import Child

        return ranked(Child(self, pid, trace, ref), priority)

    def stat(self, path: Any, interval: float = 0.0, ref: bool = True, priority: int | None = None) -> Any:
        """Return a watcher of changes of `path`, looked at every `interval` seconds; see `_loop/watchers/stat.py`."""
        # Here, since few programs need it.
        from greenrt._loop.watchers.stat import Stat

        return ranked(Stat(self, path, interval, ref), priority)

    def embed(
        self, fd: int | None = None, interval: float = 1 / 60, ref: bool = True, priority: int | None = None
    ) -> Any:
        """Return a watcher that runs another event loop inside this one; see `greenrt._loop.watchers.embed.Embed`."""
        # Here, since few programs need it.
        from greenrt._loop.watchers.embed import Embed

        return ranked(Embed(self, fd, interval, ref), priority)

    def fork(self, ref: bool = False, priority: int | None = None) -> Fork:
        """Return a watcher that calls back in the child of a fork, before `os.fork` returns there; see `Fork`."""
        return ranked(Fork(self, ref), priority)

    def finalize_all(
        self, watchers: Iterable[Watcher], fn: Callable[[list[Watcher]], object] | None = None
    ) -> bool:
        """Finalize watchers of this loop together: ``fn(watchers)`` is called once, when all of them are quiet.

        See `Watcher.finalize`. Any thread. ValueError for a watcher of another loop. If one of them was finalized
        before: Finalized, and the others stay as they are.
        """
        ours = list(dict.fromkeys(watchers))
        for watcher in ours:
            if watcher.loop is not self:
                raise ValueError(f"{watcher!r} belongs to {watcher.loop!r}; finalize it there")
        if fn is not None:
            as_callable(fn)
        return finalize(self, ours, fn, ours, False)

    # -- Callbacks

    def run_callback(self, callback: Callable[..., object], *args: Any) -> Callback:
        """Queue ``callback(*args)``: first in, first out. Return the handle, which can be stopped."""
        self.check_owner("loop.run_callback")
        if self.closed:
            self.post(Callback(callback, args))  # raises LoopClosed
        entry = Callback(as_callable(callback), args)
        self.ready.append(entry)
        return entry

    def run_callback_threadsafe(self, callback: Callable[..., object], *args: Any) -> Callback:
        """Queue ``callback(*args)`` from any thread or signal handler, and wake the loop.

        First in, first out for each thread. A call that does not raise LoopClosed will be run.
        """
        entry = Callback(as_callable(callback), args)
        self.post(entry)
        return entry

    def proxy(self) -> Any:
        """Return a LoopProxy: the handle to give to other threads. Any thread."""
        return _factories["proxy"](self)

    # -- Running

    def run(self, nowait: bool = False, once: bool = False) -> str:
        """Run until nothing is left to do, in a thread whose hub does not run this loop.

        `nowait`: one turn without sleeping; `once`: one turn. Returns why it ended: "idle" (nothing left),
        "broke" (`break_`), "stopped" (`stop`), "once", "closed" (by a callback). RuntimeError if the loop runs
        already; LoopClosed if it is closed.
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
                self.run_ready()
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
        """Run what is in the run queue now, to its end."""
        left = len(self.ready)
        while left > 0 and len(self.ready) and not self._breaking:
            left -= self.run_ready(left)

    def run_ready(self, most: int = BATCH_CALLBACKS) -> int:
        """Run what is in the run queue now, bounded in number and time; return how many were run."""
        ready = self.ready
        inspector = self.inspector
        give_up = coarse() + BATCH_SECONDS
        done = 0
        for _ in range(min(len(ready), most)):
            if not len(ready):
                # Closed by the callback before.
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
        """End the present or the next `run` after the current callback. Any thread and signal handlers."""
        self._breaking = True
        # Also a poll that is underway: only a signal handler can be here then, or another thread.
        self.wake()

    def stop(self, after: float = 0.0) -> None:
        """End the present or the next `run` in `after` seconds, after the callbacks that are ready then.

        Any thread and signal handlers; of several times the first one counts. ValueError for NaN.
        """
        if isnan(after):
            raise ValueError("stop(after) takes a number of seconds, not nan")
        # A step of its own in the run queue could come after a `run` that has nothing else to do.
        self._stops.append(self.clock.now() + max(after, 0.0))
        self.wake()

    @property
    def running(self) -> bool:
        """Whether `run` is underway."""
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
        """Whether the loop looks for mistakes, and reports them to the log ``greenrt``; can be set at any time.

        That is: callbacks in the hub that take longer than 50 ms, greenlets that run for so long without a switch
        (reported at the switch, with the place), fds that are closed under a waiting greenlet, idle watchers that
        keep the loop busy for long. Each turn then looks at all fds that are waited for, each switch at the clock.
        Calls from a wrong thread raise WrongThread always.
        """
        return self.inspector is not None

    @debug.setter
    def debug(self, value: bool) -> None:
        self._check_open("loop.debug")
        if bool(value) == self.debug:
            return
        if value:
            # Here, since few programs need it.
            from greenrt._loop.debug import Inspector

            make_tracer = _factories.get("tracer")
            self.inspector = Inspector(self, make_tracer(self) if make_tracer is not None else None)
        else:
            self.inspector.close()
            self.inspector = None

    def ref(self) -> None:
        """Keep the loop alive until a matching `unref`."""
        self.check_owner("loop.ref")
        self.refs += 1

    def unref(self) -> None:
        """Undo one `ref`; ValueError if there is none."""
        self.check_owner("loop.unref")
        if self.refs <= 0:
            raise ValueError(f"{self!r} has no references to give up")
        self.refs -= 1

    @property
    def activecnt(self) -> int:
        """How many active watchers and waits keep the loop alive."""
        return self.refs

    @property
    def pendingcnt(self) -> int:
        """How many entries are in the run queue."""
        return len(self.ready)

    @property
    def wakeups(self) -> int:
        """How many times other threads have woken the loop: at most once a turn, however much they post."""
        return self.wakeup.sent

    @property
    def backend_name(self) -> str:
        """The name of the backend."""
        return self.backend.name

    def fileno(self) -> int:
        """Return the fd of the backend's kernel object, or -1."""
        return self.backend.fileno()

    def reinit(self) -> None:
        """Give the loop kernel objects of its own, in the child of a fork; done by itself for the forking thread.

        The inherited ones are closed, and never forget an fd: the parent shares them. Other threads' loops are
        closed in the child, and raise LoopClosed.
        """
        self._check_open("loop.reinit")
        self.owner_mark = mark_thread()
        self._renew()
        self._cancel_finalizers()
        for holder in list(self.holders):
            holder.forked()

    def _renew(self) -> None:
        """Take new objects of the kernel's. Waiters for an fd go on waiting, or learn that it is closed."""
        own = self._own_fds()
        waiting = [entry for entry in self.fds.all_entries() if entry.fd not in own]
        self._detach(False)
        self.armed = False
        self._attach(self.backend.fresh())
        for entry in waiting:
            self.fds.adopt(entry)
        # What was posted to the old ones is there; and a poll that goes on after a signal handler that forked shall
        # end, whatever it thinks it waits for.
        self.wakeup.send()

    def _own_fds(self) -> set[int]:
        own = {self.wakeup.fd}
        if self.signal_wakeup is not None:
            own.add(self.signal_wakeup.fd)
        return own

    def _recover(self) -> bool:
        # A daemon closes all fds that it knows nothing of.
        for fd in (self.backend.fileno(), *self._own_fds()):
            try:
                if fd >= 0:
                    os.fstat(fd)
            except OSError:
                break
        else:
            return False
        from greenrt import _log

        _log.warn("the fds of %r were closed by the program; it goes on with new ones", self)
        self._renew()
        return True

    def abandon(self) -> None:
        """Close the loop of another thread, in the child of a fork, which does not have it. Runs and drops nothing.

        What was posted is the parent's: its destructors must not run here.
        """
        if self._gone:
            return
        self.owner = ident()
        self._right_to_close.clear()
        self.closed = self.ended = True
        # First: from here on nothing can change the epoll instance, which the parent shares.
        self.backend.close()
        for holder in list(self.holders):
            holder.quiesce()
        self._detach(False)
        self._gone = True
        # Waiters for it in the child wait for what will not happen.
        for entry in list(self.foreign):
            if isinstance(entry, Ticket):
                entry.finish()
        self._finish_closings()

    def become_default(self) -> None:
        """Take over what the main thread's loop does, Python's signal handlers, in the child of a fork."""
        self._check_open("loop.become_default")
        if not self.default:
            self.default = True
            self.watch_signals()

    def _cancel_finalizers(self) -> None:
        """In the child of a fork: those that are due are the parent's to run."""
        for queue in (self.ready, self.foreign):
            for _ in range(len(queue)):
                entry = queue.popleft()
                if isinstance(entry, Finalizer):
                    entry.cancel()
                else:
                    queue.append(entry)

    def close(self, finalizers: bool = True) -> Closing:
        """Run what was posted and the finalizers, drop the rest, give back all fds. No watcher fires any more.

        Any thread; idempotent. On the loop's own thread, outside of its callbacks, this is done on return; else the
        owner does it after its present callback, and ``wait(timeout)`` of what is returned waits for that. If the
        owner's thread is gone, it is done by the caller. Without `finalizers`, those that are due are not called.
        Finalizers may finalize others, 100 deep; what is left then is dropped, and an error is logged.
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
        if self._gone:
            # Before this call, or so shortly after it that the end did not see the ticket.
            self._finish_closings()
        return closing

    def end(self, finalizers: bool = True) -> None:
        """Close at once; for `Closing` and for the end of the loop's thread. Owner thread, outside of callbacks."""
        try:
            # One thread closes, however many would.
            self._right_to_close.pop()
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
        self._gone = True
        self._finish_closings()
        if failure is not None:
            raise failure

    def has_calls(self) -> bool:
        """Tell whether calls that were posted, or finalizers, are still to be made. Owner thread."""
        entries = list(self.foreign)
        ready = self.ready
        # It can't be looked into, and goes around once.
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
        """Run all that is queued, and what that queues; return the first error that was not handled."""
        ready = self.ready
        failure = None
        for _ in range(CLOSING_ROUNDS):
            self.collect_posts()
            if not len(ready):
                break
            failure = self._run_last(finalizers) or failure
        self.collect_posts()
        left = len(ready)
        self.ended = True
        # A thread that was about to hand something over may not have seen the end; none can after this.
        self.collect_posts()
        failure = self._run_last(finalizers and not left) or failure
        if left:
            # Here, since few programs need it.
            from greenrt import _log

            _log.error(
                "%r: finalizers queue finalizers without end; dropped %d after %d rounds",
                self,
                left,
                CLOSING_ROUNDS,
            )
        return failure

    def _run_last(self, finalizers: bool) -> BaseException | None:
        ready = self.ready
        failure = None
        for _ in range(len(ready)):
            entry = ready.popleft()
            # A hub also queues greenlets, and only it can run them. Of the watchers only what was sent is run: one of
            # an fd that stays ready would be called again and again.
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
        return f"<Loop at {id(self):#x}{where} {self.backend.name} {state}>"


fork.install()
