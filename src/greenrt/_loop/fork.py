"""What a fork does to loops.

os.register_at_fork runs this in the child, before os.fork returns there. The forking thread's loops go on with
kernel objects of their own. The other threads do not exist in the child: their loops are closed there. The parent's
epoll instances are shared, and so they are closed but never changed. posix_spawn, vfork and subprocess run none of
this.
"""

import os
from collections.abc import Callable

from greenrt._loop.holder import Holder
from greenrt._loop.owner import all_loops
from greenrt._native.thread import ident

__all__ = ["Fork", "before_loops"]

# What modules of this floor must renew in the child before any loop is touched.
before_loops: list[Callable[[], object]] = []


class Fork(Holder):
    """Calls back in the child of a fork by the loop's thread: once the loop is renewed, before os.fork returns.

    What the callback raises is reported as any callback's error; the fork and the other watchers go on. The callback
    can't block.
    """

    __slots__ = ()

    def _take_hold(self) -> None:
        pass

    def _let_go(self) -> None:
        pass

    def forked(self) -> None:
        """See `Holder.forked`."""
        callback = self.callback
        if callback is not None:
            try:
                self.call(callback, self.args)
            except BaseException as error:
                self.loop.handle_error(self, type(error), error, error.__traceback__)


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


os.register_at_fork(after_in_child=_after_fork_in_child)
