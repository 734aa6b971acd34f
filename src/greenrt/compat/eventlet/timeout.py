"""eventlet.timeout: Timeout, which runs from its construction, and the marks of exceptions that are timeouts."""

from collections.abc import Callable

from greenlet import getcurrent

import greenrt
from greenrt._hub.greenlet import throw_soon
from greenrt._hub.pending import take_back
from greenrt._typing import Any, Self
from greenrt.compat._missing import missing_names

__all__ = ["Timeout", "is_timeout", "with_timeout", "wrap_is_timeout"]


class Timeout(greenrt.Timeout):
    """Raise an exception in the current greenthread after `seconds`. It runs from its construction.

    Arguments:
    seconds: None means never.
    exception: the exception, a class or an instance, to raise instead of the Timeout; None and True mean the Timeout
    itself; False means that the ``with`` block ends silently.
    """

    is_timeout = True

    def __init__(self, seconds: float | None = None, exception: Any = None) -> None:
        super().__init__(seconds, None if exception is True else exception)
        # A Timeout of 0 seconds: the scheduled call, or the target and the error that was thrown at it.
        self._call: Any = None
        self._delivered: tuple[Any, BaseException] | None = None
        self.start()

    def start(self) -> None:
        """Start the timer, for the calling greenthread. Raises AssertionError if it runs already.

        0 seconds expire at the next turn of the hub, before what is scheduled after this call.
        """
        if self.seconds is None or self.seconds > 0:
            super().start()
        elif self.pending:
            raise AssertionError(f"{self!r} is already started; to restart it, cancel it first")
        else:
            self._call = greenrt.get_hub().loop.run_callback(self._expire, getcurrent())

    def _expire(self, target: Any) -> None:
        self._call = None
        given: Any = self.exception
        error = self if given is None or given is False else given() if isinstance(given, type) else given
        self._delivered = (target, error)
        throw_soon(target, error, True)

    @property
    def pending(self) -> bool:
        """Whether the timer runs."""
        return self._call is not None or super().pending

    def cancel(self) -> None:
        """Stop the timer. Nothing is raised after this. The Timeout can be started again."""
        call, self._call = self._call, None
        if call is not None:
            call.stop()
        delivered, self._delivered = self._delivered, None
        if delivered is not None:
            take_back(*delivered)
        super().cancel()

    close = cancel

    def __enter__(self) -> Self:
        if not self.pending:
            self.start()
        return self

    def __exit__(self, kind: Any, value: BaseException | None, traceback: Any) -> bool:
        self.cancel()
        return value is self and self.exception is False

    def __str__(self) -> str:
        if self.seconds is None:
            return ""
        text = f"{self.seconds} second{'' if self.seconds == 1 else 's'}"
        if self.exception is None:
            return text
        return f"{text} (silent)" if self.exception is False else f"{text} ({self.exception})"


_MISSING: Any = object()


def with_timeout(
    seconds: float | None,
    function: Callable[..., Any],
    *args: Any,
    timeout_value: Any = _MISSING,
    **kwds: Any,
) -> Any:
    """Call ``function(*args, **kwds)`` under a Timeout; return its result.

    If the Timeout expires, return `timeout_value` if it is given, else raise the Timeout.
    """
    timeout = Timeout(seconds)
    try:
        return function(*args, **kwds)
    except Timeout as error:
        if error is timeout and timeout_value is not _MISSING:
            return timeout_value
        raise
    finally:
        timeout.cancel()
        # This frame must not refer to the exception that its caller handles.
        del timeout


def wrap_is_timeout(base: type | BaseException) -> Any:
    """Mark an exception as a timeout for `is_timeout`: an instance, or a class, of which a subclass is returned."""
    if isinstance(base, type):
        return type(f"{base.__module__}.{base.__name__}", (base,), {"is_timeout": property(lambda _: True)})
    base.is_timeout = True  # type: ignore[attr-defined]
    return base


def is_timeout(obj: object) -> bool:
    """Return whether an exception is a timeout: a `Timeout`, a `TimeoutError`, or one with a true `is_timeout`."""
    return bool(getattr(obj, "is_timeout", False)) or isinstance(obj, TimeoutError | greenrt.Timeout)


__getattr__: Callable[[str], Any] = missing_names(__name__)
