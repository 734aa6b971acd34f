"""AsyncResult: a value or an error that comes later."""

from types import GenericAlias, TracebackType

from greenrt._hub import current_hub
from greenrt._hub.latch import Latch
from greenrt._typing import Any

__all__ = ["AsyncResult"]


class AsyncResult(Latch):
    """A value or an error that is set later, once or again; all waiters get it. gevent's class of the same name.

    Any thread may set and wait. It can be called with a finished greenlet or another result, whose outcome it
    takes over: ``greenlet.link(result)``.
    """

    __slots__ = ("_error", "_traceback", "_value")

    __class_getitem__: Any = classmethod(GenericAlias)

    def __init__(self) -> None:
        super().__init__()
        self._value: Any = None
        self._error: BaseException | None = None
        self._traceback: TracebackType | None = None

    # -- Setting

    def set(self, value: Any = None) -> None:
        """Set the value and wake all waiters."""
        self._value = value
        self._error = self._traceback = None
        self.fire()

    def set_result(self, value: Any) -> None:
        """The same as `set`: the name in concurrent.futures."""
        self.set(value)

    def set_exception(self, exception: BaseException, exc_info: Any = None) -> None:
        """Set an error, which `get` raises; `exc_info` (type, value, traceback) gives its traceback."""
        if isinstance(exception, type) and issubclass(exception, BaseException):
            exception = exception()
        if not isinstance(exception, BaseException):
            raise TypeError(f"set_exception takes an exception, not {exception!r}")
        self._value = None
        self._error = exception
        self._traceback = exc_info[2] if exc_info else exception.__traceback__
        self.fire()

    def __call__(self, source: Any) -> None:
        """Take over the outcome of `source`, a finished greenlet or result: for use as a link."""
        if source.successful():
            self.set(source.value)
        else:
            self.set_exception(source.exception, getattr(source, "exc_info", None))

    # -- Looking

    def ready(self) -> bool:
        """Tell whether a value or an error is set."""
        return self._set

    def done(self) -> bool:
        """The same as `ready`: the name in concurrent.futures."""
        return self._set

    def successful(self) -> bool:
        """Tell whether a value is set."""
        return self._set and self._error is None

    def cancel(self) -> bool:
        """Return False: a result can't be cancelled (concurrent.futures' interface)."""
        return False

    def cancelled(self) -> bool:
        """Return False: a result can't be cancelled."""
        return False

    @property
    def value(self) -> Any:
        """The value, or None if there is none."""
        return self._value

    @property
    def exception(self) -> BaseException | None:
        """The error, or None if there is none."""
        return self._error

    @property
    def exc_info(self) -> tuple[type[BaseException], BaseException, TracebackType | None] | tuple[()]:
        """The (type, value, traceback) of the error; empty if there is none."""
        error = self._error
        return () if error is None else (type(error), error, self._traceback)

    # -- Waiting

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Return the value or raise the error, when one is set.

        Raises `greenrt.Timeout` after `timeout` seconds, or at once with `block` false.
        """
        if not self._set and not (block and self.wait_set(timeout)):
            raise current_hub.timeout_error(timeout if block else None)
        error = self._error
        if error is not None:
            # With the traceback it came with: else each get would make it longer.
            error = error.with_traceback(self._traceback)
            # The traceback refers to this frame, which must refer neither to the result nor to the error.
            self = None  # type: ignore[assignment]
            try:
                raise error
            finally:
                error = None
        return self._value

    def get_nowait(self) -> Any:
        """Return the value or raise the error; `greenrt.Timeout` if there is neither yet."""
        return self.get(block=False)

    def result(self, timeout: float | None = None) -> Any:
        """The same as `get`: the name in concurrent.futures."""
        return self.get(timeout=timeout)

    def wait(self, timeout: float | None = None) -> Any:
        """Suspend until a value or an error is set, or for `timeout` seconds; return the value, else None."""
        if not self._set:
            self.wait_set(timeout)
        return self._value

    def rawlink(self, callback: Any) -> None:
        """Call ``callback(result)`` in this thread's hub once it is set; at once if it is."""
        self.link(callback)

    def __repr__(self) -> str:
        if not self._set:
            state = f"unset waiting={self.count_waiting()}"
        elif self._error is None:
            state = f"value={self._value!r}"
        else:
            state = f"error={self._error!r}"
        return f"<{type(self).__name__} at {id(self):#x} {state}>"
