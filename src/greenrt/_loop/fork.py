"""Loops in the child of a fork.

The loops of the forking thread continue with new kernel objects. The other threads do not exist in the child, so
their loops are closed there. The child shares the epoll instances of the parent, so it closes them but never changes
them.
"""

from greenrt import _atfork
from greenrt._loop.registry import all_loops
from greenrt._native.thread import ident

__all__ = ["install"]


def _renew_loops() -> None:
    loops = all_loops()
    me = ident()
    # The loops of other threads come first: they release the process-wide handling of signals.
    for loop in loops:
        if loop.owner != me:
            loop.abandon()
    for loop in loops:
        if loop.owner == me and not loop.closed:
            loop.reinit()


def install() -> None:
    """Register the hook that renews the loops in the child of each fork. Called once."""
    _atfork.register(_atfork.LOOPS, _renew_loops)
