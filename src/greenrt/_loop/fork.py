"""What a fork does to loops, in the child.

The forking thread's loops go on with kernel objects of their own. The other threads do not exist in the child: their
loops are closed there. The parent's epoll instances are shared, and so they are closed but never changed.
"""

from greenrt import _atfork
from greenrt._loop.registry import all_loops
from greenrt._native.thread import ident

__all__ = ["install"]


def _renew_loops() -> None:
    loops = all_loops()
    me = ident()
    # First: the other threads' loops give back what the signals of the process go to.
    for loop in loops:
        if loop.owner != me:
            loop.abandon()
    for loop in loops:
        if loop.owner == me and not loop.closed:
            loop.reinit()


def install() -> None:
    """Have all this done in the child of each fork; once."""
    _atfork.register(_atfork.LOOPS, _renew_loops)
