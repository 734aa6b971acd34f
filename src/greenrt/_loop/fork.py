"""What a fork does to loops.

os.register_at_fork runs this in the child, before os.fork returns there. The forking thread's loops go on with
kernel objects of their own. The other threads do not exist in the child: their loops are closed there. The parent's
epoll instances are shared, and so they are closed but never changed. posix_spawn, vfork and subprocess run none of
this.

The fork watchers come last, when all of greenrt is renewed: they may use any of it.
"""

import os
from collections.abc import Callable

from greenrt._loop.entry import Callback
from greenrt._loop.holder import Holder
from greenrt._loop.owner import all_loops
from greenrt._native.thread import ident
from greenrt._typing import Any

__all__ = ["Fork", "before_loops", "before_watchers", "in_child"]

# What modules of this floor must renew in the child before any loop is touched.
before_loops: list[Callable[[], object]] = []

# What is done there when all else is renewed.
before_watchers: list[Callable[[], object]] = []

# How many functions `in_child` has registered.
_registered = 0


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


def in_child(renew: Callable[[], object]) -> None:
    """Have `renew` called in the child of each fork, after the loops and before the fork watchers."""
    global _registered
    os.register_at_fork(after_in_child=renew)
    # What is registered can't be taken back: only the last one of these does something.
    _registered += 1
    number = _registered
    os.register_at_fork(after_in_child=lambda: _call_watchers(number))


def _call_watchers(number: int) -> None:
    if number != _registered:
        return
    for renew in before_watchers:
        renew()
    me = ident()
    for loop in all_loops():
        if loop.owner == me and not loop.closed:
            watchers = [holder for holder in loop.holders if isinstance(holder, Fork)]
            for watcher in sorted(watchers, key=lambda watcher: -watcher.priority):
                if watcher.active:
                    watcher.tell()


def _after_fork_in_child() -> None:
    for renew in before_loops:
        renew()
    loops = all_loops()
    me = ident()
    # First: the other threads' loops give back what the signals of the process go to.
    for loop in loops:
        if loop.owner != me:
            loop.abandon()
    for loop in loops:
        if loop.owner == me and not loop.closed:
            loop.reinit()


in_child(_after_fork_in_child)
