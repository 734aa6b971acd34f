"""Watchers that run another event loop inside this one, such as that of a GUI toolkit."""

from collections.abc import Callable

from greenrt._events import CLOSED, READ, TIMER
from greenrt._loop.callback import as_callable
from greenrt._loop.turn import LoopBase
from greenrt._loop.watchers.base import Holder
from greenrt._typing import Any

__all__ = ["Embed"]


class Embed(Holder):
    """A watcher whose callback runs one step of another event loop in this thread, without waiting.

    If the callback returns a true value, the other loop may have more work, and the callback runs again as soon as
    nothing else is ready. It also runs every `interval` seconds in any case, and when `fd` is readable.

    fd: a file descriptor of the toolkit, such as that of its X server, or None. With it the interval only has to
    serve the toolkit's timers. interval: seconds, more than 0; ValueError otherwise.

    The callback and the code that the toolkit calls run in the hub, so they can't wait; they spawn greenlets to wait.
    An exception is reported like that of any callback, and the watcher stays active. `start` raises OSError (EBADF)
    if `fd` is not open.
    """

    __slots__ = ("_watches_fd", "fd", "interval")

    def __init__(self, loop: LoopBase, fd: int | None, interval: float, ref: bool = True) -> None:
        if not interval > 0:
            raise ValueError(
                f"loop.embed() calls back every `interval` seconds, more than 0, not {interval!r}"
            )
        super().__init__(loop, ref)
        self.fd = fd
        self.interval: float = interval
        self._watches_fd = False

    def start(self, callback: Callable[..., object], *args: Any, once: bool = False) -> None:
        """Call ``callback(*args)`` in the next turn and, unless `once`, at the times that the class describes."""
        super().start(self._step, as_callable(callback), args, once=once)

    def feed(self, events: int, callback: Callable[..., object] | None = None, *args: Any) -> None:
        """See `Watcher.feed`."""
        if callback is None:
            super().feed(TIMER)
        else:
            super().feed(TIMER, self._step, as_callable(callback), args)

    # -- The methods of Holder

    def _acquire(self) -> None:
        self._watch_fd()
        self._schedule(True)

    def _release(self) -> None:
        self._unschedule()
        if self._watches_fd and self.fd is not None:
            self.loop.fds.withdraw(self.fd, self)
        self._watches_fd = False

    def forked(self) -> None:
        """See `Holder.forked`: there is nothing to update."""

    # -- Calling

    def _watch_fd(self) -> None:
        if self.fd is not None and not self._watches_fd:
            self.loop.fds.add(self.fd, READ, self)
            self._watches_fd = True

    def _schedule(self, more: bool) -> None:
        loop = self.loop
        # The timer is set even if there is more work: a loop that is never idle must not starve this watcher.
        loop.timers.push(self, loop.clock.now() + self.interval)
        if more:
            loop.idles.append(self)

    def _unschedule(self) -> None:
        loop = self.loop
        loop.timers.remove(self)
        if self in loop.idles:
            loop.idles.remove(self)

    def fire(self, events: int) -> None:
        """See `Entry.fire`."""
        if events & CLOSED:
            # The toolkit has closed its fd.
            self.fd = None
        if events & (READ | CLOSED):
            self._watches_fd = False
        super().fire(events)

    def _step(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        more = False
        try:
            more = bool(callback(*args))
        finally:
            if self.active:
                self._unschedule()
                self._schedule(more)
                self._watch_fd()
