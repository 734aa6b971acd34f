"""Watchers for the level-triggered readiness of file descriptors."""

from collections.abc import Callable
from errno import EBADF

from greenrt._events import READ, WRITE
from greenrt._loop.turn import LoopBase
from greenrt._loop.watchers.base import Watcher
from greenrt._typing import Any

__all__ = ["Io"]


class Io(Watcher):
    """A watcher for the readiness of a file descriptor (level-triggered). Several watchers may share one.

    fd: the file descriptor; OSError (EBADF) if it is negative. events: READ (1), WRITE (2) or both (3); ValueError
    otherwise. `start` raises OSError (EBADF) if the fd is not open. If the callback raises, or the fd is closed, the
    watcher is stopped.
    """

    __slots__ = ("_closes", "_events", "_fd", "_happened", "_pass_events")

    def __init__(self, loop: LoopBase, fd: int, events: int, ref: bool = True) -> None:
        if fd < 0:
            raise OSError(EBADF, f"{fd} is not a file descriptor")
        if events & ~(READ | WRITE) or not events:
            raise ValueError(f"io events must be READ (1), WRITE (2) or both (3), not {events!r}")
        super().__init__(loop, ref)
        self._fd = fd
        self._events = events
        self._happened = 0
        self._pass_events = False
        # `FdTable.closes` at the start of the watcher. A change shows that the file was closed.
        self._closes = 0

    @property
    def fd(self) -> int:
        """The file descriptor."""
        return self._fd

    @property
    def events(self) -> int:
        """The events to watch for: READ (1), WRITE (2) or both (3)."""
        return self._events

    @property
    def events_str(self) -> str:
        """The events as text, in gevent's format."""
        return "|".join(n for bit, n in ((READ, "READ"), (WRITE, "WRITE")) if self._events & bit)

    def start(
        self, callback: Callable[..., object], *args: Any, pass_events: bool = False, once: bool = False
    ) -> None:
        """Call ``callback(*args)`` each time that the fd is ready.

        pass_events: pass the events as the first argument. once: call back only the next time. Raises TypeError if
        `callback` is not callable.
        """
        self._pass_events = pass_events
        self._activate(callback, args, once)
        loop = self.loop
        self._closes = loop.fds.closes(self._fd)

    def _arm(self) -> None:
        self.loop.fds.add(self._fd, self._events, self)

    def _disarm(self) -> None:
        self.loop.fds.withdraw(self._fd, self)

    def fire(self, events: int) -> None:
        """See `Entry.fire`."""
        self._happened |= events
        Watcher.fire(self, events)

    def feed(self, events: int, callback: Callable[..., object] | None = None, *args: Any) -> None:
        """See `Watcher.feed`."""
        Watcher.feed(self, events & (READ | WRITE) or self._events, callback, *args)

    def run(self) -> None:
        """See `Entry.run`."""
        if not self._pending:
            return
        self._pending = False
        happened = self._happened
        self._happened = 0
        if self.callback is None:
            return
        args = self.args
        loop = self.loop
        fds = loop.fds
        if happened & ~(READ | WRITE) or (self._active and fds.closes(self._fd) != self._closes):
            # The fd was closed while the watcher was active. Call back once: the callback's own call gets the error.
            self._deactivate()
            happened = self._events
        try:
            self.call(self.callback, (happened, *args) if self._pass_events else args)
        except BaseException:
            # The fd is still ready, so the callback would fail again and again.
            self.stop()
            raise
        if self._active:
            if fds.closes(self._fd) != self._closes:
                # The callback has closed the fd: the number may belong to another file now.
                self._deactivate()
                return
            try:
                self._arm()
            except OSError:
                self.stop()
                raise
