"""Fork watchers: callbacks in the child of a fork, when all of greenrt is renewed there."""

from greenrt import _atfork
from greenrt._loop.callback import Callback
from greenrt._loop.registry import all_loops
from greenrt._loop.watchers.base import Holder
from greenrt._native.thread import ident
from greenrt._typing import Any

__all__ = ["Fork"]


class Fork(Holder):
    """Calls back in the child of a fork by the loop's thread: once greenrt is renewed, before os.fork returns.

    What the callback raises is reported as any callback's error; the fork and the other watchers go on. What is
    raised in the main greenlet, as KeyboardInterrupt is, comes there at its next wait. The callback can't block.
    """

    __slots__ = ()

    def _take_hold(self) -> None:
        pass

    def _let_go(self) -> None:
        pass

    def forked(self) -> None:
        """See `Holder.forked`: later, by `tell`."""

    def tell(self) -> None:
        """Call back."""
        callback = self.callback
        if callback is None:
            return
        loop: Any = self.loop
        try:
            try:
                self.call(callback, self.args)
            except BaseException as error:
                loop.handle_error(self, type(error), error, error.__traceback__)
        except BaseException as error:
            # os.fork would print it and go on, and the other watchers would not be called.
            loop.ready.append(Callback(_raise, (error,)))


def _raise(error: BaseException) -> None:
    raise error


def _call_watchers() -> None:
    me = ident()
    for loop in all_loops():
        if loop.owner == me and not loop.closed:
            watchers = [holder for holder in loop.holders if isinstance(holder, Fork)]
            for watcher in sorted(watchers, key=lambda watcher: -watcher.priority):
                if watcher.active:
                    watcher.tell()


_atfork.register(_atfork.WATCHERS, _call_watchers)
