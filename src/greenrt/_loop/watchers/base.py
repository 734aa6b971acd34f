"""What all watchers share: states, verbs, and the registration of what a watcher holds besides its loop.

A watcher is made by a method of its loop (`loop.io`, `loop.timer`, ...), calls its callback in the hub each time
that the thing it watches for happens, and is used by the loop's own thread only, but for `Async.send` and for the
ends: any thread may `stop`, `close` and `finalize` it, and is never blocked by a callback that runs. The verbs and
names are libev's (http://pod.tst.eu/http://cvs.schmorp.de/libev/ev.pod) and gevent's.
"""

from collections.abc import Callable

from greenrt._loop.callback import Entry
from greenrt._loop.completion import DONE, Stopping, Ticket
from greenrt._loop.finalizer import finalize
from greenrt._loop.turn import LoopBase
from greenrt._native.thread import ident
from greenrt._typing import Any, TypeVar
from greenrt.errors import Finalized, LoopClosed, WouldDeadlock

__all__ = ["MAX_PRIORITY", "MIN_PRIORITY", "Holder", "Watcher", "ranked"]

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


class Holder(Watcher):
    """Base of the watchers that must let go of something when their loop is closed, or the process forks."""

    __slots__ = ()

    def _arm(self) -> None:
        self._take_hold()
        self.loop.holders.append(self)

    def _disarm(self) -> None:
        self.loop.holders.remove(self)
        self._let_go()

    def _take_hold(self) -> None:
        raise NotImplementedError

    def _let_go(self) -> None:
        raise NotImplementedError

    def forked(self) -> None:
        """Do what the child of a fork needs; called by `Loop.reinit`, before anything of the user's runs."""
        raise NotImplementedError
