"""Base classes of all watchers: states, methods, and resources outside the loop.

A method of a loop makes a watcher (`loop.io`, `loop.timer`, ...). The hub calls its callback each time that its event
happens. Only the owner thread of the loop may use a watcher, with these exceptions: any thread may call `Async.send`,
and may `stop`, `close` and `finalize` a watcher, and a running callback never blocks these calls. The methods have
the names of libev (http://pod.tst.eu/http://cvs.schmorp.de/libev/ev.pod) and gevent.
"""

from collections.abc import Callable

from greenrt._loop.callback import Entry, as_callable
from greenrt._loop.completion import DONE, Completion, Stopping
from greenrt._loop.finalizer import finalize
from greenrt._loop.turn import LoopBase
from greenrt._native.thread import ident
from greenrt._typing import Any, TypeVar
from greenrt.errors import Finalized, LoopClosed, WouldDeadlock

__all__ = ["MAX_PRIORITY", "MIN_PRIORITY", "Holder", "Watcher", "with_priority"]

W = TypeVar("W")

# libev's range.
MAX_PRIORITY = 2
MIN_PRIORITY = -2


class Watcher(Entry):
    """Base of all watchers.

    loop: the loop that calls back. ref: whether the watcher keeps the loop alive while it is active, so that
    `Loop.run` does not return.

    States: stopped, active (started), pending (its callback is queued), closed, finalized. `callback` and `args` are
    the arguments of the last `start`; None and empty after `stop`.
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
        self.loop: LoopBase = loop
        self.callback: Callable[..., object] | None = None
        self.args: tuple[Any, ...] = ()
        self._ref = bool(ref)
        self._active = False
        self._once = False
        self._pending = False
        self._priority = 0
        self._running = False
        self._closed = False
        # Set by `finalize`, from any thread: no callback starts any more.
        self._finalized = False
        # The park of the greenlet that waits for this watcher in `Hub.wait`.
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
        """The priority, from -2 to 2; the default is 0.

        Of the entries that one turn makes ready, positive priorities run first and negative ones last, a higher one
        before a lower one. Entries of equal priority run in their order; greenlets have priority 0. Setting it raises
        AttributeError if the watcher is active or pending (as in gevent), and ValueError for another number.
        """
        return self._priority

    @priority.setter
    def priority(self, value: int) -> None:
        self.loop.check_owner("watcher.priority")
        if self._active or self._pending:
            raise AttributeError(f"{self!r} is in use; stop it before you set its priority")
        if not MIN_PRIORITY <= value <= MAX_PRIORITY:
            raise ValueError(f"a priority is a number from {MIN_PRIORITY} to {MAX_PRIORITY}, not {value!r}")
        self._priority = value

    def start(self, callback: Callable[..., object], *args: Any, once: bool = False) -> None:
        """Call ``callback(*args)`` in the hub each time that the event happens; with `once`, only the next time.

        Raises TypeError if `callback` is not callable.
        """
        self._activate(callback, args, once)

    def stop(self, wait: bool = False, timeout: float | None = None) -> Completion:
        """Stop watching, and drop a queued callback; idempotent. Return a completion.

        In the owner thread the watcher is stopped on return. Another thread only posts a request, and does not block:
        the callback may still run or start until the returned completion is `done`. wait: return after the callback
        has returned, or after `timeout` seconds; then read ``done``. Raises WouldDeadlock if the callback itself
        waits. Does nothing if the loop is closed, or the watcher is closed or finalized.
        """
        if ident() != self.loop.owner:
            return self._stop_elsewhere(False, wait, timeout)
        if wait and self._running:
            raise WouldDeadlock(
                f"the callback of {self!r} is running and can't wait for its own end; call stop() without waiting"
            )
        self._halt()
        return DONE

    def _halt(self) -> None:
        if not self._finalized:
            self._deactivate()
            self._pending = False
            self.callback = None
            self.args = ()

    def close(self) -> Completion:
        """Stop permanently: a later start raises ValueError. Idempotent; any thread may call it, like `stop`."""
        if ident() != self.loop.owner:
            return self._stop_elsewhere(True, False, None)
        self._halt()
        self._closed = True
        return DONE

    def _stop_elsewhere(self, close: bool, wait: bool, timeout: float | None) -> Completion:
        stopping = Stopping(self, close)
        stopping.submit()
        if wait:
            stopping.wait(timeout)
        return stopping

    # -- Finalizing

    def finalize(self, fn: Callable[[Any], object] | None = None, immediate: bool = False) -> bool:
        """Stop permanently, and call ``fn(watcher)`` once in the owner thread when the watcher is no longer in use.

        That is when its callback has returned, and a greenlet that waits for it was resumed with Finalized. No
        callback starts after this call. `callback` and `args` stay until `fn` has returned. An exception of `fn` is
        reported like one of a callback.

        immediate: in the owner thread and outside of the callback, do all this before returning. If the loop has
        ended, the caller does it in any case. Returns whether it is done.

        Never blocks. May be called from any thread and signal handler. Raises TypeError if `fn` is not callable, and
        Finalized if `fn` is given and the watcher is finalized already. `start` and `feed` of a finalized watcher
        raise Finalized; `stop`, `close` and ``finalize()`` without `fn` do nothing.
        """
        if fn is None:
            if self._finalized:
                return False
            return finalize(self.loop, (self,), None, self, immediate)
        if not callable(fn):
            raise TypeError(f"the finalizer {fn!r} is not callable; pass a function that takes the watcher")
        return finalize(self.loop, (self,), fn, self, immediate)

    def _note_end(self) -> None:
        """For `finalizer`: let no callback start from now on. Any thread."""
        self._finalized = True

    def _revive(self) -> None:
        """For `finalizer`: undo `_note_end` and the claim, if the finalizer could not be queued. Any thread."""
        self._finalized = False
        self.unclaim()

    def _quiesce(self) -> None:
        """For `finalizer`: stop, but keep `callback` and `args`; wake up the waiter. Owner thread; idempotent."""
        self._deactivate()
        self._pending = False
        waiter = self.waiter
        if waiter is not None:
            waiter.fail(Finalized(f"{self!r} was finalized while a greenlet waited for it"))

    def _is_quiet(self) -> bool:
        """For `finalizer`: return whether the callback is not running and no greenlet waits."""
        return not self._running and self.waiter is None

    def _drop(self) -> None:
        """For `finalizer`: drop `callback` and `args`."""
        self.callback = None
        self.args = ()

    # -- Starting

    def feed(self, events: int, callback: Callable[..., object] | None = None, *args: Any) -> None:
        """Queue the callback as if `events` had happened (libev's ev_feed_event). An active watcher stays active.

        The watcher need not be active. ``callback(*args)`` replaces the callback of the last `start`, if given.
        Raises ValueError if there is no callback, and the errors of `start`.
        """
        self._check_usable("watcher.feed")
        if callback is not None:
            self.callback = as_callable(callback)
            self.args = args
        elif self.callback is None:
            raise ValueError(f"{self!r} has no callback; start it, or pass a callback to feed()")
        self.fire(events)

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _activate(self, callback: Callable[..., object], args: tuple[Any, ...], once: bool) -> None:
        loop = self.loop
        self._check_usable("watcher.start")
        self.callback = as_callable(callback)
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
            raise Finalized(f"{self!r} is finalized; make a new watcher")
        if self._closed:
            raise ValueError(f"{self!r} is closed; make a new watcher")
        raise LoopClosed(f"{self.loop!r} is closed; its watchers no longer fire")

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
                loop.prioritized.append(self)
            else:
                loop.ready.append(self)

    def run(self) -> None:
        """See `Entry.run`: call the callback, unless the watcher was stopped meanwhile."""
        if self._pending:
            self._pending = False
            if self.callback is not None:
                self.call(self.callback, self.args)

    def call(self, callback: Any, args: tuple[Any, ...]) -> None:
        """For subclasses: call the callback, unless another thread has finalized the watcher."""
        if self._finalized:
            return
        if self._once:
            # Done before the callback, which may start the watcher again.
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


def with_priority(watcher: W, priority: int | None) -> W:
    """Set the priority of `watcher` unless it is None; return the watcher."""
    if priority is not None:
        made: Any = watcher
        made.priority = priority
    return watcher


class Holder(Watcher):
    """Base of the watchers with resources that they must release when the loop closes or the process forks."""

    __slots__ = ()

    def _arm(self) -> None:
        self._acquire()
        self.loop.holders.append(self)

    def _disarm(self) -> None:
        self.loop.holders.remove(self)
        self._release()

    def _acquire(self) -> None:
        raise NotImplementedError

    def _release(self) -> None:
        raise NotImplementedError

    def forked(self) -> None:
        """Update the resources in the child of a fork; `Loop.reinit` calls this before any user code runs."""
        raise NotImplementedError
