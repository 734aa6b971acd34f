"""The watchers: one shape, uniform verbs.

A watcher is made by a method of its loop (`loop.io`, `loop.timer`, ...), calls its callback in the hub each time
that the thing it watches for happens, and is used by the loop's own thread only, but for `Async.send` and for the
ends: any thread may `stop`, `close` and `finalize` it, and is never blocked by a callback that runs. The verbs and
names are libev's (http://pod.tst.eu/http://cvs.schmorp.de/libev/ev.pod) and gevent's.
"""

from collections.abc import Callable
from errno import EBADF
from math import isnan

from greenrt._loop.base import LoopBase
from greenrt._loop.entry import READ, WRITE, Entry
from greenrt._loop.finalizer import finalize
from greenrt._loop.ticket import DONE, Stopping, Ticket
from greenrt._native.thread import ident
from greenrt._typing import Any, TypeVar
from greenrt.errors import Finalized, LoopClosed, WouldDeadlock

__all__ = ["MAX_PRIORITY", "MIN_PRIORITY", "Async", "Hook", "Io", "Timer", "Watcher", "ranked"]

W = TypeVar("W")

# As in libev.
MAX_PRIORITY = 2
MIN_PRIORITY = -2


class Watcher(Entry):
    """Base of all watchers: states, verbs, and whether it keeps the loop alive.

    States: stopped, active (`start`ed), pending (its callback is queued), closed, finalized. While a watcher with
    ``ref`` true is active, `Loop.run` does not return.
    """

    __slots__ = (
        "_active",
        "_closed",
        "_finalized",
        "_once",
        "_pending",
        "_priority",
        "_ref",
        "_running",
        "args",
        "callback",
        "loop",
        "waiter",
    )

    def __init__(self, loop: LoopBase, ref: bool = True) -> None:
        self.loop = loop
        self.callback: Callable[..., object] | None = None
        self.args: tuple[Any, ...] = ()
        self._ref = bool(ref)
        self._active = False
        self._once = False
        self._pending = False
        self._priority = 0
        self._running = False
        self._closed = False
        # Set by `finalize`, from any thread; nothing starts any more.
        self._finalized = False
        # The Park of the greenlet that `Hub.wait` parks on this watcher.
        self.waiter: Any = None

    @property
    def active(self) -> bool:
        """Whether the watcher is started."""
        return self._active

    @property
    def pending(self) -> bool:
        """Whether the callback is queued."""
        return self._pending

    @property
    def ref(self) -> bool:
        """Whether the watcher keeps its loop alive while it is active."""
        return self._ref

    @ref.setter
    def ref(self, value: bool) -> None:
        loop = self.loop
        loop.check_owner("watcher.ref")
        if self._active and bool(value) != self._ref:
            loop.refs += 1 if value else -1
        self._ref = bool(value)

    @property
    def priority(self) -> int:
        """From -2 to 2: of what is ready in one turn, callbacks of more than 0 run first, of less last.

        Can be set while the watcher is neither active nor pending: AttributeError else (as in gevent), ValueError for
        another number. A higher one comes before a lower one; equal ones, and 0 with greenlets, in their order.
        """
        return self._priority

    @priority.setter
    def priority(self, value: int) -> None:
        self.loop.check_owner("watcher.priority")
        if self._active or self._pending:
            raise AttributeError(f"the priority of {self!r} can't be set; stop it first")
        if not MIN_PRIORITY <= value <= MAX_PRIORITY:
            raise ValueError(f"a priority is a number from {MIN_PRIORITY} to {MAX_PRIORITY}, not {value!r}")
        self._priority = value

    def start(self, callback: Callable[..., object], *args: Any, once: bool = False) -> None:
        """Call ``callback(*args)`` in the hub each time it happens, or only the next time if `once`.

        TypeError if `callback` can't be called.
        """
        self._activate(callback, args, once)

    def stop(self, wait: bool = False, timeout: float | None = None) -> Ticket:
        """Stop watching, and drop a callback that is queued; idempotent.

        Any thread. On the loop's own it happens at once; another thread only asks for it, and never blocks: the
        callback may still be running, or start, until the Ticket that is returned is `done`. With `wait`, return
        after the callback has returned, or after `timeout` seconds (look at ``done``); WouldDeadlock in the callback
        itself. Quiet if the loop is closed, or the watcher is closed or finalized.
        """
        if ident() != self.loop.owner:
            return self._stop_elsewhere(False, wait, timeout)
        if wait and self._running:
            raise WouldDeadlock(
                f"the callback of {self!r} can't wait for its own end; call stop() without waiting"
            )
        self._halt()
        return DONE

    def _halt(self) -> None:
        if not self._finalized:
            self._deactivate()
            self._pending = False
            self.callback = None
            self.args = ()

    def close(self) -> Ticket:
        """Stop for good: starting again raises; idempotent. Any thread, as `stop`."""
        if ident() != self.loop.owner:
            return self._stop_elsewhere(True, False, None)
        self._halt()
        self._closed = True
        return DONE

    def _stop_elsewhere(self, for_good: bool, wait: bool, timeout: float | None) -> Ticket:
        stopping = Stopping(self, for_good)
        stopping.submit()
        if wait:
            stopping.wait(timeout)
        return stopping

    # -- Finalizing

    def finalize(self, fn: Callable[[Any], object] | None = None, immediate: bool = False) -> bool:
        """Stop for good, and call ``fn(watcher)`` exactly once on the loop's thread when the watcher is not in use.

        That is: when its callback has returned, and a greenlet that waits on it has been resumed with Finalized.
        No callback starts after this call. `callback` and `args` are kept until `fn` has returned. What `fn` raises
        is reported like an error of a callback. Return whether all this is done already: with `immediate` on the
        loop's own thread outside of the callback, and if the loop has ended, it is done by the caller.

        Any thread and signal handlers; never blocks. TypeError if `fn` can't be called. Finalized if the watcher was
        finalized before, and there is an `fn`. `start` and `feed` of a finalized watcher raise Finalized; `stop`,
        `close` and a ``finalize()`` without `fn` do nothing.
        """
        if fn is None:
            if self._finalized:
                return False
            return finalize(self.loop, (self,), None, self, immediate)
        if not callable(fn):
            raise TypeError(f"a finalizer must be callable, not {fn!r}; it is called with the watcher")
        return finalize(self.loop, (self,), fn, self, immediate)

    def note_end(self) -> None:
        """For `finalizer`, any thread: from now on no callback starts."""
        self._finalized = True

    def revive(self) -> None:
        """For `finalizer`, any thread: undo `note_end` and the claim; the finalizer could not be queued."""
        self._finalized = False
        self.unclaim()

    def quiesce(self) -> None:
        """For `finalizer`: stop, but keep what the callback uses; wake the waiters. Owner thread, idempotent."""
        self._deactivate()
        self._pending = False
        waiter = self.waiter
        if waiter is not None:
            waiter.fail(Finalized(f"{self!r} was finalized while a greenlet waited on it"))

    def quiet(self) -> bool:
        """For `finalizer`: tell whether neither the callback runs nor anyone waits."""
        return not self._running and self.waiter is None

    def drop(self) -> None:
        """For `finalizer`: give up what the callback used."""
        self.callback = None
        self.args = ()

    # -- Starting

    def feed(self, events: int, callback: Callable[..., object] | None = None, *args: Any) -> None:
        """Queue the callback as if `events` had happened (libev's ev_feed_event); an active watcher goes on.

        The watcher need not be active: ``callback(*args)`` is called if given, else what `start` was given last;
        ValueError if there is none. Errors as of `start`.
        """
        self._check_usable("watcher.feed")
        if callback is not None:
            _check_callback(callback)
            self.callback = callback
            self.args = args
        elif self.callback is None:
            raise ValueError(f"{self!r} has no callback to call; start it, or give feed() one")
        self.fire(events)

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _activate(self, callback: Callable[..., object], args: tuple[Any, ...], once: bool) -> None:
        loop = self.loop
        self._check_usable("watcher.start")
        _check_callback(callback)
        self.callback = callback
        self.args = args
        self._once = once
        if self._active:
            self._disarm()
            self._arm()
            return
        self._arm()
        self._active = True
        if self._ref:
            loop.refs += 1

    def _check_usable(self, what: str) -> None:
        loop = self.loop
        loop.check_owner(what)
        if self._finalized or self._closed or loop.closed:
            self._refuse()

    def _refuse(self) -> None:
        if self._finalized:
            raise Finalized(f"{self!r} has been finalized; make a new watcher")
        if self._closed:
            raise ValueError(f"{self!r} is closed; make a new watcher")
        raise LoopClosed(f"{self.loop!r} is closed; no watcher of it fires any more")

    def _deactivate(self) -> None:
        if self._active:
            loop = self.loop
            self._active = False
            if self._ref:
                loop.refs -= 1
            self._disarm()

    def _arm(self) -> None:
        raise NotImplementedError

    def _disarm(self) -> None:
        raise NotImplementedError

    def fire(self, events: int) -> None:
        """See `Entry.fire`."""
        if not self._pending:
            self._pending = True
            loop = self.loop
            if self._priority:
                loop.ranked.append(self)
            else:
                loop.ready.append(self)

    def run(self) -> None:
        """See `Entry.run`: call the callback, unless the watcher was stopped meanwhile."""
        if self._pending:
            self._pending = False
            if self.callback is not None:
                self.call(self.callback, self.args)

    def call(self, callback: Any, args: tuple[Any, ...]) -> None:
        """For the watchers: call back, unless another thread has finalized the watcher."""
        if self._finalized:
            return
        if self._once:
            # Before the callback, which may start the watcher again.
            self._deactivate()
        loop = self.loop
        self._running = True
        loop.calling += 1
        try:
            callback(*args)
        finally:
            self._running = False
            loop.calling -= 1

    def _state(self) -> str:
        if self._finalized:
            return "finalized"
        if self._closed:
            return "closed"
        words = ["active" if self._active else "stopped"]
        if self._pending:
            words.append("pending")
        if not self._ref:
            words.append("unref'd")
        return " ".join(words)

    def __repr__(self) -> str:
        text = f"<{type(self).__name__} at {id(self):#x} {self._state()}"
        if self.callback is not None:
            text += f" callback={self.callback!r} args={self.args!r}"
        return text + ">"


def ranked(watcher: W, priority: int | None) -> W:
    """Return `watcher` with its priority set, if one is given."""
    if priority is not None:
        made: Any = watcher
        made.priority = priority
    return watcher


def _check_callback(callback: Any) -> None:
    if not callable(callback):
        raise TypeError(f"a watcher's callback must be callable, not {callback!r}")


class Io(Watcher):
    """Watches an fd for readiness (level-triggered). Several watchers may share an fd.

    `events` is READ (1), WRITE (2) or both. OSError (EBADF) from the constructor if the fd is negative, from
    `start` if it isn't open. A watcher whose callback raises, or whose fd is closed, is stopped.
    """

    __slots__ = ("_closes", "_events", "_fd", "_happened", "_pass_events")

    def __init__(self, loop: LoopBase, fd: int, events: int, ref: bool = True) -> None:
        if fd < 0:
            raise OSError(EBADF, f"{fd} is not a file descriptor")
        if events & ~(READ | WRITE) or not events:
            raise ValueError(f"io events must be READ (1), WRITE (2) or both (3), not {events!r}")
        super().__init__(loop, ref)
        self._fd = fd
        self._events = events
        self._happened = 0
        self._pass_events = False
        # What the fd table says when the watcher starts, so that it notices when its file is gone.
        self._closes = 0

    @property
    def fd(self) -> int:
        """The file descriptor."""
        return self._fd

    @property
    def events(self) -> int:
        """The events that are watched for: READ (1), WRITE (2) or both (3)."""
        return self._events

    @property
    def events_str(self) -> str:
        """The events as text, as gevent spells them."""
        return "|".join(n for bit, n in ((READ, "READ"), (WRITE, "WRITE")) if self._events & bit)

    def start(
        self, callback: Callable[..., object], *args: Any, pass_events: bool = False, once: bool = False
    ) -> None:
        """Call ``callback(*args)`` on readiness; with `pass_events`, the events come as the first argument.

        With `once` only the next time. TypeError if `callback` can't be called.
        """
        self._pass_events = pass_events
        self._activate(callback, args, once)
        loop = self.loop
        self._closes = loop.fds.closes(self._fd)

    def _arm(self) -> None:
        self.loop.fds.add(self._fd, self._events, self)

    def _disarm(self) -> None:
        self.loop.fds.withdraw(self._fd, self)

    def fire(self, events: int) -> None:
        """See `Entry.fire`."""
        self._happened |= events
        Watcher.fire(self, events)

    def feed(self, events: int, callback: Callable[..., object] | None = None, *args: Any) -> None:
        """See `Watcher.feed`."""
        Watcher.feed(self, events & (READ | WRITE) or self._events, callback, *args)

    def run(self) -> None:
        """See `Entry.run`."""
        if not self._pending:
            return
        self._pending = False
        happened = self._happened
        self._happened = 0
        if self.callback is None:
            return
        args = self.args
        loop = self.loop
        fds = loop.fds
        if happened & ~(READ | WRITE) or (self._active and fds.closes(self._fd) != self._closes):
            # The fd was closed under the watcher: let the callback find out by its own call, once.
            self._deactivate()
            happened = self._events
        try:
            self.call(self.callback, (happened, *args) if self._pass_events else args)
        except BaseException:
            # Still ready, it would be called again at once, and so for ever.
            self.stop()
            raise
        if self._active:
            if fds.closes(self._fd) != self._closes:
                # The callback closed it: the number may be another file's by now.
                self._deactivate()
                return
            try:
                self._arm()
            except OSError:
                self.stop()
                raise


class Timer(Watcher):
    """Calls back after `after` seconds, and then every `repeat` seconds if that is not 0.

    0 and less: at the next turn of the loop. Infinity: never, while it counts as active. NaN: ValueError. Never
    early; equal deadlines fire in the order in which they were started. A callback that overran one or more
    repeats is not called in a burst: the next one is due `repeat` seconds later.
    """

    __slots__ = ("_after", "_repeat")

    def __init__(self, loop: LoopBase, after: float, repeat: float = 0.0, ref: bool = True) -> None:
        if isnan(after) or isnan(repeat):
            raise ValueError(
                f"a timer's times must be numbers of seconds, not after={after!r}, repeat={repeat!r}"
            )
        if repeat < 0:
            raise ValueError(f"a timer's repeat must be 0 or more seconds, not {repeat!r}")
        super().__init__(loop, ref)
        self._after = after
        self._repeat = repeat

    @property
    def at(self) -> float:
        """The deadline on the loop's clock (seconds), while active."""
        return self.deadline

    def start(
        self, callback: Callable[..., object], *args: Any, update: bool | None = None, once: bool = False
    ) -> None:
        """Call ``callback(*args)`` when the time has come; with `once` it does not repeat.

        `update` is gevent's; the clock is always read. TypeError if `callback` can't be called.
        """
        self._activate(callback, args, once)

    def again(self, callback: Callable[..., object], *args: Any, update: bool | None = None) -> None:
        """Restart with `repeat` as the time to wait (libev's ev_timer_again); stop if that is 0."""
        if not self._repeat:
            self.stop()
            return
        after = self._after
        self._after = self._repeat
        try:
            self._activate(callback, args, False)
        finally:
            self._after = after

    def _arm(self) -> None:
        loop = self.loop
        loop.timers.push(self, loop.clock.now() + max(self._after, 0.0))

    def _disarm(self) -> None:
        self.loop.timers.remove(self)

    def run(self) -> None:
        """See `Entry.run`."""
        if not self._pending:
            return
        self._pending = False
        if self.callback is None:
            return
        loop = self.loop
        if not self._active or loop.timers.contains(self):
            # It was fed; the time has not come.
            pass
        elif self._repeat:
            due = self.deadline + self._repeat
            now = loop.clock.now()
            loop.timers.push(self, due if due > now else now + self._repeat)
        else:
            self._deactivate()
        self.call(self.callback, self.args)


class Hook(Watcher):
    """Calls back at one point of each turn: before the poll (prepare), after it (check), or when idle.

    While an idle watcher is active the loop never sleeps; its callback runs only when nothing else is ready.
    """

    __slots__ = ("_list",)

    def __init__(self, loop: LoopBase, hooks: list["Hook"], ref: bool = True) -> None:
        super().__init__(loop, ref)
        self._list = hooks

    def _arm(self) -> None:
        self._list.append(self)

    def _disarm(self) -> None:
        if self in self._list:
            self._list.remove(self)

    def call_now(self) -> None:
        """Call back, unless stopped: prepare and check are part of the turn, nothing is queued for them."""
        if self.callback is not None:
            self.call(self.callback, self.args)


class Async(Watcher):
    """Calls back after `send`, which any thread and any signal handler may call; sends coalesce."""

    __slots__ = ()

    def _arm(self) -> None:
        pass

    def _disarm(self) -> None:
        pass

    def send(self) -> None:
        """Have the callback called by the loop's thread, once for all sends until then.

        ValueError if the watcher isn't active: it would call nothing. LoopClosed if the loop is closed.
        """
        if not self._active:
            raise ValueError(f"{self!r} is not started; call start() first")
        if not self._pending:
            self._pending = True
            try:
                self.loop.post(self)
            except LoopClosed:
                # The next call gets it too.
                self._pending = False
                raise

    def send_ignoring_arg(self, _ignored: object) -> None:
        """Call `send`; for use as a callback that is given an argument."""
        self.send()
