"""What a fork does to hubs and parks, after `greenrt._loop.fork` has seen to the loops.

In the child only the forking thread lives on, and its greenlets with it; it is the main thread there.
"""

import os
from math import inf

from greenrt import _original
from greenrt._hub import slot
from greenrt._hub.park import note_fork
from greenrt._hub.wakers import idle_threads
from greenrt._loop.fork import before_watchers, in_child

__all__ = ["install"]


def _run_alone() -> None:
    """Disable yielding: a lock that another at-fork hook uses could run the parent's greenlets in the child, before
    they are left behind. (A fork takes some milliseconds, so a turn is due.)
    """
    hub = slot.get_hub_if_exists()
    if hub is not None:
        hub.poll_due = inf


def _give_way_again() -> None:
    hub = slot.get_hub_if_exists()
    if hub is not None:
        hub.poll_due = 0.0


def _after_fork_in_child() -> None:
    _original.renew_lock(slot.creation_lock)
    note_fork()
    idle_threads.clear()
    me = _original.get_ident()
    for ident in [ident for ident in slot.threads_with_hub if ident != me]:
        del slot.threads_with_hub[ident]
    hub = slot.get_hub_if_exists()
    if hub is not None and not hub.loop.closed:
        hub.loop.become_default()


def install() -> None:
    """Have all this done in the child of each fork; once."""
    os.register_at_fork(before=_run_alone, after_in_parent=_give_way_again)
    in_child(_after_fork_in_child)
    before_watchers.append(_give_way_again)
