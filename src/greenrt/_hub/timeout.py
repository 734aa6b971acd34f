"""Timeout: an exception that is raised in the greenlet that started it, when its time is up."""

from collections.abc import Callable
from math import inf
from types import TracebackType

from greenrt import _providers
from greenrt._arguments import check_callable
from greenrt._hub import current_hub
from greenrt._hub.greenlet import throw_soon
from greenrt._hub.park import checked_seconds
from greenrt._hub.pending import deliver, take_back
from greenrt._loop.callback import Entry
from greenrt._native.switch import current
from greenrt._native.thread import get_slot
from greenrt._typing import Any, Literal, TypeVar

__all__ = ["Timeout", "with_timeout"]

T = TypeVar("T")


class Expiry(Entry):
    """The running time of a Timeout."""

    __slots__ = ("hub", "ref", "target", "timeout")

    hub: Any
    ref: bool
    target: Any
    timeout: Any

    def fire(self, events: int) -> None:
        """See `Entry.fire`."""
        loop = self.hub.loop
        if self.ref:
            loop.refs -= 1
        if not deliver(self.hub, self.target, self.timeout._make_error()):
            # In no park: it yields. It may leave the block before this comes to its turn.
            loop.ready.append(self)

    def run(self) -> None:
        """See `Entry.run`: throw what could not be delivered at once, unless the Timeout was cancelled meanwhile."""
        timeout = self.timeout
        if timeout._expiry is self and timeout._thrown is not None:
            throw_soon(self.target, timeout._thrown, True)


class Timeout(BaseException):
    """Raise in the current greenlet after `seconds`, unless cancelled before; gevent's class of the same name.

    ``with Timeout(5): ...`` starts at the ``with`` and ends with the block. `seconds` None: never. 0 and less: at
    the next blocking call. NaN: ValueError. What is raised is the Timeout itself, or `exception` (a class or an
    instance) if that is given; with ``exception=False`` the ``with`` block ends silently when this very Timeout is
    raised. A BaseException, so that ``except Exception`` lets it pass. `ref` false: it does not keep the loop
    alive.

    What takes a `timeout` in seconds takes a Timeout too. One that does not run limits that call. One that runs goes
    on running after the call. When its time is up during the call, a call that waits (`join`, `wait`, `acquire`)
    returns as after any timeout, and one that fetches something (`get`) raises it; a Timeout with an exception of its
    own raises that.
    """

    def __init__(
        self,
        seconds: float | None = None,
        exception: type[BaseException] | BaseException | str | Literal[False] | None = None,
        ref: bool = True,
        priority: int = -1,
    ) -> None:
        if seconds is not None:
            checked_seconds(seconds, "seconds")
        if not (
            exception is None or exception is False or isinstance(exception, (str, BaseException))
        ) and not (isinstance(exception, type) and issubclass(exception, BaseException)):
            raise TypeError(
                f"exception must be an exception, a class of exceptions, a text, None or False, not {exception!r}"
            )
        self.seconds = seconds
        self.exception = exception
        self._ref = ref
        self._expiry: Expiry | None = None
        # What was thrown, and may be on its way still.
        self._thrown: BaseException | None = None

    def start(self) -> None:
        """Start the time. AssertionError if it runs already: `cancel` it first."""
        if self._runs():
            raise AssertionError(f"{self!r} is already started; to restart it, cancel it first")
        self._start()

    def _start(self) -> None:
        if self.seconds is None:
            return
        seconds = float(self.seconds)
        hub = get_slot()
        if hub is None:
            hub = current_hub.get_hub()
        expiry = Expiry()
        expiry.timeout = self
        expiry.hub = hub
        expiry.target = current()
        expiry.ref = self._ref
        self._expiry = expiry
        loop = hub.loop
        timers = loop.timers
        clock = loop.clock
        timers.push(expiry, clock.now() + (seconds if seconds > 0.0 else 0.0))
        if expiry.ref:
            loop.refs += 1

    @classmethod
    def start_new(cls, timeout: Any = None, exception: Any = None, ref: bool = True) -> "Timeout":
        """Return a started Timeout; `timeout` may be one, which is then started unless it runs."""
        if isinstance(timeout, Timeout):
            if not timeout.pending:
                timeout.start()
            return timeout
        made = cls(timeout, exception, ref)
        made.start()
        return made

    def _runs(self) -> bool:
        expiry = self._expiry
        if expiry is None:
            return False
        loop = expiry.hub.loop
        timers = loop.timers
        runs: bool = timers.contains(expiry)
        return runs

    @property
    def pending(self) -> bool:
        """Whether the time runs."""
        return self._runs()

    def cancel(self) -> None:
        """Stop the time; it is not raised after this, even if it was on its way. Can be started again."""
        self._stop()

    def close(self) -> None:
        """The same as `cancel`."""
        self._stop()

    def _stop(self) -> None:
        expiry = self._expiry
        if expiry is None:
            return
        self._expiry = None
        loop = expiry.hub.loop
        timers = loop.timers
        if timers.remove(expiry) and expiry.ref:
            loop.refs -= 1
        thrown = self._thrown
        if thrown is not None:
            self._thrown = None
            take_back(expiry.target, thrown)

    def _make_error(self) -> BaseException:
        """Return what is to be raised now."""
        exception = self.exception
        thrown: BaseException = self
        if isinstance(exception, BaseException):
            thrown = exception
        elif isinstance(exception, type):
            thrown = exception()
        self._thrown = thrown
        return thrown

    def __float__(self) -> float:
        """Return for how long (seconds) a call may wait that is given this for its `timeout`.

        For as long as it takes if it runs, since it ends the wait itself. AssertionError if it runs for another
        greenlet, in which it would be raised.
        """
        if self.seconds is None:
            return inf
        if not self._runs():
            return max(float(self.seconds), 0.0)
        expiry: Any = self._expiry
        if expiry.target is not current():
            raise AssertionError(f"{self!r} runs for {expiry.target!r}; make a Timeout for this greenlet")
        return inf

    def _raise_own_error(self) -> None:
        """Raise `exception` if that is an exception or a class of one."""
        error: BaseException | None = self._make_error()
        self._thrown = None
        if error is not self:
            assert error is not None
            try:
                raise error
            finally:
                # The error's traceback refers to this frame: a cycle.
                error = None

    def __enter__(self) -> "Timeout":
        if not self._runs():
            self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._stop()
        return value is self and self.exception is False

    def __str__(self) -> str:
        if self.seconds is None:
            return ""
        text = f"{self.seconds} second{'' if self.seconds == 1 else 's'}"
        if self.exception is None or self.exception is self:
            return text
        return f"{text} (silent)" if self.exception is False else f"{text}: {self.exception}"

    def __repr__(self) -> str:
        state = " pending" if self.pending else ""
        exception = "" if self.exception is None else f" exception={self.exception!r}"
        return f"<{type(self).__name__} at {id(self):#x} seconds={self.seconds}{exception}{state}>"


def with_timeout(seconds: float | None, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call ``function(*args, **kwargs)`` under a Timeout of `seconds`.

    When the time is up: return the keyword argument `timeout_value` if it is given, else raise the Timeout.
    """
    check_callable(function, "function")
    missing = object()
    value: Any = kwargs.pop("timeout_value", missing)
    timeout = Timeout.start_new(seconds)
    try:
        return function(*args, **kwargs)
    except Timeout as error:
        if error is timeout and value is not missing:
            return value  # type: ignore[no-any-return]
        raise
    finally:
        timeout.cancel()
        # The frame must not refer to what its caller handles.
        del timeout


_providers.timeout_class = Timeout
