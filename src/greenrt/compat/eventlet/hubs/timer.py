"""eventlet.hubs.timer: the handle of a call that the hub makes later."""

from collections.abc import Callable

from greenlet import getcurrent

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = ["LocalTimer", "Timer"]


# The function that returns the hub. The package sets it, because it imports this module.
find_hub: Any = None


class Timer:
    """A call of ``cb(*args, **kw)`` in `seconds`, once it is scheduled.

    Attributes: `seconds`; `tpl`, the tuple (cb, args, kw), None after a cancel; `called`, whether the call was made
    or cancelled.
    """

    def __init__(self, seconds: float, cb: Callable[..., Any], *args: Any, **kw: Any) -> None:
        self.seconds = seconds
        self.tpl: Any = (cb, args, kw)
        self.called: bool = False
        self._watcher: Any = None
        self._hub: Any = None

    @property
    def pending(self) -> bool:
        """Whether the call was neither made nor cancelled."""
        return not self.called

    def __repr__(self) -> str:
        if self.tpl is None:
            return f"{type(self).__name__}({self.seconds}, cancelled)"
        cb, args, kw = self.tpl
        return f"{type(self).__name__}({self.seconds}, {cb}, *{args}, **{kw})"

    def copy(self) -> "Timer":
        """Return an unscheduled timer of the same call."""
        cb, args, kw = self.tpl
        return type(self)(self.seconds, cb, *args, **kw)

    def schedule(self) -> "Timer":
        """Have the hub of this thread make the call; return the timer."""
        self.called = False
        find_hub().add_timer(self)
        return self

    def start(self, hub: Any, loop: Any) -> None:
        """Arm the timer in a loop. The hub calls this."""
        self._hub = hub
        if self.seconds <= 0:
            self._watcher = loop.run_callback(self)
        else:
            self._watcher = loop.timer(self.seconds)
            self._watcher.start(self)

    def __call__(self) -> None:
        """Make the call, unless it was made or cancelled."""
        if self.called:
            return
        self.called = True
        self._disarm()
        cb, args, kw = self.tpl
        try:
            cb(*args, **kw)
        finally:
            self.tpl = None

    def cancel(self) -> None:
        """Prevent the call. No-op if it was made."""
        if not self.called:
            self.called = True
            self._disarm()
            self.tpl = None

    def _disarm(self) -> None:
        if self._hub is not None:
            self._hub.timer_ended(self)
            self._hub = None
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
            if hasattr(watcher, "again"):
                watcher.close()


class LocalTimer(Timer):
    """A timer whose call is not made if the greenthread that made the timer has ended by then."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.greenlet: Any = getcurrent()
        super().__init__(*args, **kwargs)

    @property
    def pending(self) -> bool:
        """Whether the call was neither made nor cancelled, and the greenthread runs."""
        if self.greenlet is None or self.greenlet.dead:
            return False
        return not self.called

    def __call__(self) -> None:
        """Make the call, unless the greenthread has ended."""
        if self.called:
            return
        if self.greenlet is not None and self.greenlet.dead:
            self.cancel()
            return
        super().__call__()

    def cancel(self) -> None:
        """Prevent the call. No-op if it was made."""
        self.greenlet = None
        super().cancel()


__getattr__: Callable[[str], Any] = missing_names(__name__)
