"""Another event loop inside this one: that of a GUI toolkit, say."""

from collections.abc import Callable

from greenrt._loop.callback import READ, TIMER, as_callable
from greenrt._loop.fd_table import CLOSED
from greenrt._loop.turn import LoopBase
from greenrt._loop.watchers.base import Holder
from greenrt._typing import Any

__all__ = ["Embed"]


class Embed(Holder):
    """Calls back to have another event loop in this thread do what it has to do, without waiting.

    The callback returns whether it did something, and there may be more: then it is called again as soon as nothing
    else is ready. Besides it is called every `interval` seconds, whatever else there is, and when `fd` is readable:
    where the toolkit tells its fd (that of its X server, say), the interval need only serve the toolkit's timers.

    The callback and what the toolkit calls run in the hub, so they can't wait: they spawn greenlets for that. An
    error is reported like that of any callback, and the watcher goes on.

    ValueError unless `interval` is more than 0. OSError (EBADF) from `start` if `fd` isn't open.
    """

    __slots__ = ("_watches_fd", "fd", "interval")

    def __init__(self, loop: LoopBase, fd: int | None, interval: float, ref: bool = True) -> None:
        if not interval > 0:
            raise ValueError(
                f"loop.embed() calls back every `interval` seconds, more than 0, not {interval!r}"
            )
        super().__init__(loop, ref)
        self.fd = fd
        self.interval = interval

        self._watches_fd = False

    def start(self, callback: Callable[..., object], *args: Any, once: bool = False) -> None:
        """Call ``callback(*args)`` now, and, unless `once`, then as the class says."""
        super().start(self._step, as_callable(callback), args, once=once)

    def feed(self, events: int, callback: Callable[..., object] | None = None, *args: Any) -> None:
        """See `Watcher.feed`."""
        if callback is None:
            super().feed(TIMER)
        else:
            super().feed(TIMER, self._step, as_callable(callback), args)

    # -- What Holder asks for

    def _take_hold(self) -> None:
        self._watch_fd()
        self._schedule(True)

    def _let_go(self) -> None:
        self._unschedule()
        if self._watches_fd and self.fd is not None:
            self.loop.fds.withdraw(self.fd, self)
        self._watches_fd = False

    def forked(self) -> None:
        """See `Holder.forked`: nothing is lost."""

    # -- Calling

    def _watch_fd(self) -> None:
        if self.fd is not None and not self._watches_fd:
            self.loop.fds.add(self.fd, READ, self)
            self._watches_fd = True

    def _schedule(self, more: bool) -> None:
        loop = self.loop
        # Also if there is more: a loop that is never idle shall not starve it.
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
