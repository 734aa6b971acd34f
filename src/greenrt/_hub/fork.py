"""Hubs and parks in the child of a fork. `greenrt._loop.registry` renews the loops before.

In the child, only the forking thread and its greenlets continue. It is the main thread there.
"""

from math import inf

from greenrt import _atfork, _original
from greenrt._hub import current_hub
from greenrt._hub.deadlock import idle_threads
from greenrt._hub.park import note_fork

__all__ = ["install"]


def _run_alone() -> None:
    """Disable yielding until the fork is done.

    A lock that another at-fork hook uses could run the parent's greenlets in the child, before they are left behind.
    (A fork takes some milliseconds, so a poll is due.)
    """
    hub = current_hub.get_hub_if_exists()
    if hub is not None:
        hub._poll_due = inf


def _give_way_again() -> None:
    hub = current_hub.get_hub_if_exists()
    if hub is not None:
        hub._poll_due = 0.0


def _after_fork_in_child() -> None:
    _original.renew_lock(current_hub.creation_lock)
    note_fork()
    idle_threads.clear()
    me = _original.get_ident()
    for ident in [ident for ident in current_hub.threads_with_hub if ident != me]:
        del current_hub.threads_with_hub[ident]
    hub = current_hub.get_hub_if_exists()
    if hub is not None and not hub.loop.closed:
        hub.loop.become_default()


def install() -> None:
    """Register this module's at-fork hooks. The runtime calls this once."""
    _atfork.register(_atfork.BEFORE, _run_alone)
    _atfork.register(_atfork.PARENT, _give_way_again)
    _atfork.register(_atfork.RUNTIME, _after_fork_in_child)
    _atfork.register(_atfork.YIELDING, _give_way_again)
