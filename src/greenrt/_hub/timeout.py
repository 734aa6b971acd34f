"""Timeout: an exception that the runtime raises after a time, in the greenlet that started it."""

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
from greenrt._signature import ConstructorSignature
from greenrt._typing import Any, Literal, ParamSpec, Self, TypeVar, overload

__all__ = ["Timeout", "with_timeout"]

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V")


class Expiry(Entry):
    """The timer of a started Timeout."""

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
            # The greenlet is in no park: it has yielded. It may leave the block before this entry runs.
            loop.ready.append(self)

    def run(self) -> None:
        """See `Entry.run`: throw an error that could not be delivered at once, unless the Timeout was cancelled."""
        timeout = self.timeout
        if timeout._expiry is self and timeout._thrown is not None:
            throw_soon(self.target, timeout._thrown, True)


class Timeout(BaseException):
    """Raise an exception in the current greenlet after `seconds`, unless cancelled. gevent's class of the same name.

    ``with Timeout(5): ...`` starts the timer at the ``with`` and stops it at the end of the block. A Timeout is a
    BaseException, so ``except Exception`` does not catch it.

    Arguments:
    seconds: the time until the exception. None means never; 0 or less means at the next blocking call. Raises
    ValueError for NaN and TypeError if it is not a number.
    exception: the exception (a class or an instance) to raise instead of the Timeout itself; a text for `str`; or
    False: then the ``with`` block ends silently when this very Timeout is raised. TypeError for other values.
    ref: whether the running timer keeps the loop alive.
    priority: ignored; gevent has this argument.

    Attributes: `seconds` and `exception`, the arguments.

    A call that takes a `timeout` in seconds also takes a Timeout. A Timeout that does not run limits that call. A
    running Timeout still runs after the call. If it expires during a call that waits (`join`, `wait`, `acquire`), the
    call returns as after any timeout. A call that fetches an object (`get`) raises the Timeout. A Timeout with an
    exception of its own raises that exception in both cases.
    """

    __signature__: ConstructorSignature = ConstructorSignature()

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
        # The exception that was thrown. The greenlet may not have received it yet.
        self._thrown: BaseException | None = None

    def start(self) -> None:
        """Start the timer, for the calling greenlet. Raises AssertionError if it runs already: `cancel` it first."""
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
        expiry = Expiry.__new__(Expiry)
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
    def start_new(
        cls,
        timeout: "float | Timeout | None" = None,
        exception: type[BaseException] | BaseException | str | Literal[False] | None = None,
        ref: bool = True,
    ) -> "Timeout":
        """Return a started Timeout of `timeout` seconds. If `timeout` is a Timeout, start it unless it runs."""
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
        """Whether the timer runs."""
        return self._runs()

    def cancel(self) -> None:
        """Stop the timer. Nothing is raised after this, even if the exception was already in flight.

        The Timeout can be started again.
        """
        self._stop()

    def close(self) -> None:
        """Do the same as `cancel`."""
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
        """Return the exception to raise now."""
        exception = self.exception
        thrown: BaseException = self
        if isinstance(exception, BaseException):
            thrown = exception
        elif isinstance(exception, type):
            thrown = exception()
        self._thrown = thrown
        return thrown

    def __float__(self) -> float:
        """Return how many seconds a call may wait that has this Timeout as its `timeout`.

        The result is infinite if the timer runs, because the Timeout ends the wait itself. Raises AssertionError if
        the timer runs for another greenlet, because the Timeout would be raised there.
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
        """Raise `exception` if it is an exception or a class of exceptions."""
        error: BaseException | None = self._make_error()
        self._thrown = None
        if error is not self:
            assert error is not None
            try:
                raise error
            finally:
                # The error's traceback refers to this frame, so this variable would form a cycle.
                error = None

    def __enter__(self) -> Self:
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


@overload
def with_timeout(
    seconds: float | None, function: Callable[..., T], *args: Any, timeout_value: V, **kwargs: Any
) -> T | V: ...


@overload
def with_timeout(seconds: float | None, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


def with_timeout(seconds: float | None, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call ``function(*args, **kwargs)`` under a Timeout of `seconds`; return the result.

    If the Timeout expires, return the keyword argument `timeout_value` if it is given, else raise the Timeout.
    Raises TypeError if `function` is not callable.
    """
    check_callable(function, "function")
    missing = object()
    value: Any = kwargs.pop("timeout_value", missing)
    timeout = Timeout.start_new(seconds)
    try:
        return function(*args, **kwargs)
    except Timeout as error:
        if error is timeout and value is not missing:
            return value
        raise
    finally:
        timeout.cancel()
        # This frame must not refer to the exception that its caller handles.
        del timeout


_providers.timeout_class = Timeout
