"""Fork watchers: callbacks in the child of a fork, after greenrt is renewed there."""

from greenrt import _atfork
from greenrt._loop.callback import Callback
from greenrt._loop.registry import all_loops
from greenrt._loop.watchers.base import Holder
from greenrt._native.thread import ident
from greenrt._typing import Any

__all__ = ["Fork"]


class Fork(Holder):
    """A watcher that calls back in the child of a fork by the loop's thread, before os.fork returns.

    All of greenrt is renewed at that time. The callback can't block. An exception is reported like that of any
    callback, and the fork and the other watchers continue. Exceptions that are raised in the main greenlet, such as
    KeyboardInterrupt, are raised at its next wait.
    """

    __slots__ = ()

    def _acquire(self) -> None:
        pass

    def _release(self) -> None:
        pass

    def forked(self) -> None:
        """See `Holder.forked`: `notify` calls back later."""

    def notify(self) -> None:
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
            # os.fork would print the exception and continue, and the other watchers would not be called.
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
                    watcher.notify()


_atfork.register(_atfork.WATCHERS, _call_watchers)
