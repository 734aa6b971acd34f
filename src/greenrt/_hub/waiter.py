"""Waiter: gevent's low-level rendezvous, for integrations that were written for gevent."""

import sys

from greenrt._hub import current_hub
from greenrt._hub.park import Park, new_park
from greenrt._typing import Any
from greenrt.errors import ConcurrentObjectUseError, as_exception

__all__ = ["Waiter"]

_NOTHING: Any = object()


class Waiter:
    """A rendezvous: one greenlet waits in `get` until another calls `switch` or `throw`.

    The calls may happen in either order. Any thread may call `switch` and `throw`.

    Argument and attribute: `hub`, the hub of the waiter; None means the calling thread's hub. Attribute: `greenlet`,
    the greenlet that waits.
    """

    __slots__ = ("_error", "_park", "_value", "hub")

    def __init__(self, hub: Any = None) -> None:
        self.hub: Any = hub if hub is not None else current_hub.get_hub()
        self.clear()

    def clear(self) -> None:
        """Drop the value and the error, so that the waiter can be used again."""
        self._park: Park | None = None
        self._value: Any = _NOTHING
        self._error: BaseException | None = None

    def ready(self) -> bool:
        """Return whether `switch` or `throw` has been called."""
        return self._value is not _NOTHING or self._error is not None

    def successful(self) -> bool:
        """Return whether `switch` has been called."""
        return self._value is not _NOTHING

    @property
    def value(self) -> Any:
        """The value that was passed to `switch`, or None."""
        return None if self._value is _NOTHING else self._value

    @property
    def exc_info(self) -> Any:
        """The (type, value, traceback) that was passed to `throw`, or None."""
        error = self._error
        return None if error is None else (type(error), error, error.__traceback__)

    def switch(self, value: Any = None) -> None:
        """Make `get` return `value`."""
        self._value = value
        park = self._park
        if park is not None:
            park.wake(None)

    def switch_args(self, *args: Any) -> None:
        """Make `get` return the tuple `args`."""
        self.switch(args)

    def __call__(self, source: Any) -> None:
        """Make `get` return the source's value or raise its error. A waiter can thus be a link of a greenlet."""
        if source.exception is None:
            self.switch(source.value)
        else:
            self.throw(source.exception)

    def throw(self, *args: Any) -> None:
        """Make `get` raise an exception: a class, an instance, or the arguments type, value and traceback.

        Without arguments, it is the exception that the caller handles at the moment.
        """
        error: Any = (*args, None)[:3] if len(args) > 1 else args[0] if args else sys.exc_info()[1]
        self._error = as_exception(error)
        park = self._park
        if park is not None:
            park.wake(None)

    def get(self) -> Any:
        """Park until `switch` or `throw` is called; return the value or raise the error.

        Raises ConcurrentObjectUseError if another greenlet waits already.
        """
        if not self.ready():
            if self._park is not None:
                raise ConcurrentObjectUseError(
                    f"{self!r} is waited for by {self._park.greenlet!r} already; a Waiter has one waiter"
                )
            self._park = new_park(self)
            try:
                # A call that another thread made before `_park` was set did not wake the park.
                if not self.ready():
                    self._park.wait()
            finally:
                self._park = None
        error = self._error
        if error is not None:
            # The traceback refers to this frame, so the frame must refer neither to the waiter nor to the error.
            self = None  # type: ignore[assignment]
            try:
                raise error
            finally:
                error = None
        return self._value

    @property
    def greenlet(self) -> Any:
        """The greenlet that waits in `get`, or None."""
        park = self._park
        return None if park is None else park.greenlet

    def __repr__(self) -> str:
        text = f"<{type(self).__name__} greenlet={self.greenlet!r}"
        if self._error is not None:
            return f"{text} exc_info={self.exc_info!r}>"
        return f"{text} value={self._value!r}>" if self.ready() else f"{text}>"
