"""eventlet.event: an event that carries a result or an exception."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from ._waiters import TIMED_OUT, Waiters
from .greenthread import thrown

__all__ = ["Event"]


class NOT_USED:
    """The result of an event that was not sent."""

    def __repr__(self) -> str:
        return "NOT_USED"


NOT_USED = NOT_USED()  # type: ignore[assignment,misc]


class Event:
    """A result or an exception that one greenthread sends once, and any number of greenthreads wait for."""

    _result: Any = NOT_USED
    _exc: Any = None

    def __init__(self) -> None:
        self._waiters = Waiters()
        self.reset_state()

    def reset_state(self) -> None:
        """Forget the result."""
        self._result = NOT_USED
        self._exc = None

    def __str__(self) -> str:
        return (
            f"<{type(self).__name__} at {id(self):#x} result={self._result!r} _exc={self._exc!r} "
            f"_waiters[{len(self._waiters)}]>"
        )

    def reset(self) -> None:
        """Make a sent event usable again. Raises AssertionError if it was not sent."""
        if self._result is NOT_USED:
            raise AssertionError("Trying to re-reset() a fresh event.")
        self.reset_state()

    def ready(self) -> bool:
        """Return whether a result or an exception was sent."""
        return self._result is not NOT_USED

    def has_exception(self) -> bool:
        """Return whether an exception was sent."""
        return self._exc is not None

    def has_result(self) -> bool:
        """Return whether a result was sent."""
        return self._result is not NOT_USED and self._exc is None

    def poll(self, notready: Any = None) -> Any:
        """Return the result or raise the exception; return `notready` if nothing was sent."""
        return self.wait() if self.ready() else notready

    def poll_exception(self, notready: Any = None) -> Any:
        """Raise the exception if one was sent; else return `notready`."""
        return self.wait() if self.has_exception() else notready

    def poll_result(self, notready: Any = None) -> Any:
        """Return the result if one was sent; else return `notready`."""
        return self.wait() if self.has_result() else notready

    def wait(self, timeout: float | None = None) -> Any:
        """Park until the event is sent; return the result or raise the exception.

        Returns None after `timeout` seconds (None: no limit).
        """
        sent = (self._result, self._exc)
        if sent[0] is NOT_USED:
            sent = self._waiters.wait(self, timeout)
            if sent is TIMED_OUT:
                return None
        result, exc = sent
        if exc is not None:
            raise thrown(exc)
        return result

    def send(self, result: Any = None, exc: Any = None) -> None:
        """Wake all waiters with `result`, or with the exception `exc`. Does not switch.

        `exc` is an exception, or a tuple of the arguments of `greenlet.throw`. Raises AssertionError if the event was
        sent already.
        """
        if self._result is not NOT_USED:
            raise AssertionError("Trying to re-send() an already-triggered event.")
        if exc is not None and not isinstance(exc, tuple):
            exc = (exc,)
        self._result = result
        self._exc = exc
        while self._waiters.hand_over((result, exc)):
            pass

    def send_exception(self, *args: Any) -> None:
        """Send an exception; the arguments are those of `greenlet.throw`."""
        self.send(None, args)


__getattr__: Callable[[str], Any] = missing_names(__name__)
