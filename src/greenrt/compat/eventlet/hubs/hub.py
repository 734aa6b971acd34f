"""eventlet.hubs.hub: eventlet's view of greenrt's hub, with timers, listeners and switches for the hub to run."""

import time
from collections.abc import Callable

from greenlet import getcurrent

import greenrt
from greenrt._hub.fd_wait import forget_fd
from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from ..greenthread import sleep
from .timer import LocalTimer, Timer

__all__ = ["READ", "WRITE", "FdListener", "Hub", "IOClosed"]

READ = "read"
WRITE = "write"

_EVENTS = {READ: greenrt.READ, WRITE: greenrt.WRITE}


class IOClosed(OSError):
    """The file of a descriptor that a greenthread waits for was closed."""


class FdListener:
    """What `Hub.add` returns: a callback for a file descriptor.

    Attributes: the arguments of `Hub.add`; `greenlet`, which made the listener; `spent`, whether it has ended.
    """

    def __init__(self, evtype: str, fileno: int, cb: Any, tb: Any, mark_as_closed: Any) -> None:
        self.evtype = evtype
        self.fileno = fileno
        self.cb = cb
        self.tb = tb
        self.mark_as_closed = mark_as_closed
        self.spent = False
        self.greenlet: Any = getcurrent()
        self.watcher: Any = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.evtype!r}, {self.fileno!r}, {self.cb!r}, {self.tb!r})"

    __str__ = __repr__


class Hub:
    """The hub of one native thread by eventlet's interface. `hubs.get_hub` returns it.

    The event loop is greenrt's: the hub has no `run`, and no other class can take its place. It knows the timers and
    listeners that programs made through it. Waits of greenrt's own sockets and sleeps are in `greenrt.inspect`.
    """

    SYSTEM_EXCEPTIONS = (KeyboardInterrupt, SystemExit)
    READ = READ
    WRITE = WRITE

    def __init__(self, runtime: greenrt.Hub) -> None:
        self.greenlet = runtime
        self.clock: Callable[[], float] = time.monotonic
        self._aborted = False
        self._main_waits = False
        self.debug_exceptions: bool = True
        self.debug_blocking = False
        self.debug_blocking_resolution: float = 1
        self.timers_canceled = 0
        self._timers: set[Timer] = set()
        self._listeners: dict[str, list[FdListener]] = {READ: [], WRITE: []}

    @property
    def running(self) -> bool:
        """Whether the hub has begun to run, and was not aborted since the last switch to it."""
        return bool(self.greenlet) and not self._aborted

    # -- Switching

    def switch(self) -> Any:
        """Switch to the hub; return what the caller's own `switch` is called with later."""
        self._aborted = False
        caller = getcurrent()
        if caller is not self.greenlet.parent:
            return self.greenlet.switch()
        self._main_waits = True
        try:
            return self.greenlet.switch()
        finally:
            self._main_waits = False

    def abort(self, wait: bool = False) -> None:
        """Resume the main greenlet if it waits in `switch`. greenrt's hub itself lives as long as its thread.

        With `wait`, other greenlets run once.
        """
        self._aborted = True
        if self._main_waits:
            main: Any = self.greenlet.parent
            self.greenlet.loop.run_callback(main.switch)
        if wait:
            sleep(0)
            self._aborted = True

    def ensure_greenlet(self) -> None:
        """Do nothing: greenrt's hub lives as long as its thread."""

    # -- Timers

    def schedule_call_global(self, seconds: float, cb: Callable[..., Any], *args: Any, **kw: Any) -> Timer:
        """Have the hub call ``cb(*args, **kw)`` in `seconds`; return the timer. The call may not block."""
        timer = Timer(seconds, cb, *args, **kw)
        self.add_timer(timer)
        return timer

    def schedule_call_local(
        self, seconds: float, cb: Callable[..., Any], *args: Any, **kw: Any
    ) -> LocalTimer:
        """Like `schedule_call_global`, unless the calling greenthread has ended by then."""
        timer = LocalTimer(seconds, cb, *args, **kw)
        self.add_timer(timer)
        return timer

    def add_timer(self, timer: Timer) -> None:
        """Schedule a timer."""
        self._timers.add(timer)
        timer.start(self, self.greenlet.loop)

    def timer_ended(self, timer: Timer) -> None:
        """Forget a timer whose call was made or cancelled. The timer calls this."""
        self._timers.discard(timer)

    @property
    def timers(self) -> list[Timer]:
        """The timers that are scheduled."""
        return list(self._timers)

    def get_timers_count(self) -> int:
        """Return the number of timers that are scheduled."""
        return len(self._timers)

    # -- File descriptors

    def add(
        self,
        evtype: str,
        fileno: int,
        cb: Callable[[int], Any],
        tb: Callable[..., Any],
        mark_as_closed: Callable[[], Any] | None = None,
    ) -> FdListener:
        """Have the hub call ``cb(fileno)`` whenever the file descriptor is ready, until `remove`.

        `evtype` is READ or WRITE. If the descriptor becomes obsolete, `mark_as_closed` is called, and then ``tb``
        with `IOClosed`.
        """
        listener = FdListener(evtype, fileno, cb, tb, mark_as_closed)
        watcher = self.greenlet.loop.io(fileno, _EVENTS[evtype])
        watcher.start(lambda: listener.cb(fileno))
        listener.watcher = watcher
        self._listeners[evtype].append(listener)
        return listener

    def remove(self, listener: FdListener) -> None:
        """End a listener. No-op if it has ended."""
        if not listener.spent:
            listener.spent = True
            listener.watcher.close()
            self._listeners[listener.evtype].remove(listener)

    def remove_descriptor(self, fileno: int) -> None:
        """End all listeners of a file descriptor."""
        for listener in self._of(fileno):
            self.remove(listener)

    def _of(self, fileno: int) -> list[FdListener]:
        return [each for kind in self._listeners.values() for each in kind if each.fileno == fileno]

    def notify_close(self, fileno: int) -> None:
        """Wake greenthreads that wait for a file descriptor which the program closes; they get OSError (EBADF)."""
        forget_fd(fileno)

    def mark_as_reopened(self, fileno: int) -> None:
        """End the listeners and waits of a file descriptor whose number belongs to another file now."""
        for listener in self._of(fileno):
            self.remove(listener)
            if listener.mark_as_closed is not None:
                listener.mark_as_closed()
            self.schedule_call_global(0, listener.tb, IOClosed(9, "Operation on closed file"))
        forget_fd(fileno)

    def get_readers(self) -> list[FdListener]:
        """Return the listeners for reading."""
        return list(self._listeners[READ])

    def get_writers(self) -> list[FdListener]:
        """Return the listeners for writing."""
        return list(self._listeners[WRITE])

    # -- Debugging

    def set_timer_exceptions(self, value: bool) -> None:
        """Choose whether uncaught exceptions of greenthreads and timers are printed."""
        self.debug_exceptions = value
        self.greenlet.exception_stream = False if value else None

    def set_debug_listeners(self, value: bool) -> None:
        """Accept eventlet's switch: greenrt's dump shows the stack of each waiting greenlet without it."""

    def __repr__(self) -> str:
        return f"<eventlet's view of {self.greenlet!r}>"


# What eventlet calls the base of its hubs; `isinstance` works with it.
BaseHub: type[Hub] = Hub


__getattr__: Callable[[str], Any] = missing_names(__name__)
