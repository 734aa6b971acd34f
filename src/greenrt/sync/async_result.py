"""AsyncResult: a value or an error that is set later."""

from types import TracebackType

from greenrt._hub import current_hub
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.latch import Latch
from greenrt._typing import Any, ExcInfo, Generic, SupportsFloat, TypeVar, overload

__all__ = ["AsyncResult"]


T = TypeVar("T")


class AsyncResult(Latch, Generic[T]):
    """A value or an error that is set later, once or again. All waiters get it. gevent's class of the same name.

    Any thread may set it and wait for it. It is also a callback for links: ``greenlet.link(result)`` copies the
    outcome of a finished greenlet, or of another result.

    Attributes: `value`, `exception` and `exc_info`, which hold the outcome.
    """

    __slots__ = ("_error", "_traceback", "_value")

    def __init__(self) -> None:
        super().__init__()
        self._value: Any = None
        self._error: BaseException | None = None
        self._traceback: TracebackType | None = None

    # -- Setting

    @overload
    def set(self: "AsyncResult[None]", value: None = None) -> None: ...

    @overload
    def set(self, value: T) -> None: ...

    def set(self, value: Any = None) -> None:
        """Set the value and wake all waiters."""
        self._value = value
        self._error = self._traceback = None
        self._set_flag()

    def set_result(self, value: T) -> None:
        """Set the value: the name of `set` in concurrent.futures."""
        self.set(value)

    def set_exception(
        self, exception: BaseException | type[BaseException], exc_info: ExcInfo | tuple[()] | None = None
    ) -> None:
        """Set an error, an instance or a class, which `get` then raises; wake all waiters.

        `exc_info` (type, value, traceback) gives the traceback. Raises TypeError if `exception` is not an exception.
        """
        if isinstance(exception, type) and issubclass(exception, BaseException):
            exception = exception()
        if not isinstance(exception, BaseException):
            raise TypeError(f"exception must be an exception or a class of exceptions, not {exception!r}")
        if exc_info is not None and not (isinstance(exc_info, tuple) and len(exc_info) in (0, 3)):
            raise TypeError(f"exc_info must be a (type, value, traceback), not {exc_info!r}")
        self._value = None
        self._error = exception
        self._traceback = exc_info[2] if exc_info else exception.__traceback__
        self._set_flag()

    def __call__(self, source: "Greenlet[T] | AsyncResult[T]") -> None:
        """Copy the outcome of `source`, a finished greenlet or a result. This makes the object a link callback."""
        if source.successful():
            value: Any = source.value
            self.set(value)
        else:
            error: Any = source.exception
            self.set_exception(error, getattr(source, "exc_info", None))

    # -- State

    def done(self) -> bool:
        """Return whether a value or an error is set: the name of `ready` in concurrent.futures."""
        return self._set

    def successful(self) -> bool:
        """Return whether a value is set."""
        return self._set and self._error is None

    def cancel(self) -> bool:
        """Return False: a result cannot be cancelled. (The interface of concurrent.futures.)"""
        return False

    def cancelled(self) -> bool:
        """Return False: a result cannot be cancelled."""
        return False

    @property
    def value(self) -> T | None:
        """The value, or None if no value is set."""
        return self._value

    @property
    def exception(self) -> BaseException | None:
        """The error, or None if no error is set."""
        return self._error

    @property
    def exc_info(self) -> ExcInfo | tuple[()]:
        """The (type, value, traceback) of the error; an empty tuple if no error is set."""
        error = self._error
        return () if error is None else (type(error), error, self._traceback)

    # -- Waiting

    def get(self, block: bool = True, timeout: SupportsFloat | None = None) -> T:
        """Park until a value or an error is set; return the value or raise the error.

        Raises `greenrt.Timeout` after `timeout` seconds (None: no limit), or at once with `block` false; TypeError or
        ValueError if `timeout` is not a number of seconds.
        """
        if not self._set and not (block and self._wait_set(timeout)):
            raise current_hub.timeout_error(timeout if block else None)
        error = self._error
        if error is not None:
            # With its own traceback: otherwise each `get` would make it longer.
            error = error.with_traceback(self._traceback)
            # The traceback refers to this frame, which must refer neither to the result nor to the error.
            self = None  # type: ignore[assignment]
            try:
                raise error
            finally:
                error = None
        return self._value

    def get_nowait(self) -> T:
        """Return the value or raise the error; raise `greenrt.Timeout` if neither is set. Never parks."""
        return self.get(block=False)

    def result(self, timeout: SupportsFloat | None = None) -> T:
        """Return the value or raise the error: the name of `get` in concurrent.futures."""
        return self.get(timeout=timeout)

    def wait(self, timeout: SupportsFloat | None = None) -> T | None:
        """Park until a value or an error is set, for `timeout` seconds at most; return the value, or None."""
        if not self._set:
            self._wait_set(timeout)
        return self._value

    def __repr__(self) -> str:
        if not self._set:
            state = f"unset waiting={self.linkcount()}"
        elif self._error is None:
            state = f"value={self._value!r}"
        else:
            state = f"error={self._error!r}"
        return f"<{type(self).__name__} at {id(self):#x} {state}>"
