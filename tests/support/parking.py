"""Waits until greenlets are parked, however busy the machine is."""

from greenlet import greenlet

import greenrt
from greenrt._hub.park import parked

__all__ = ["is_parked", "until_parked"]


def is_parked(target: greenlet) -> bool:
    """Return whether a greenlet waits, and nothing has woken it up yet."""
    park = parked(target)
    return park is not None and park.waiting


def until_parked(*targets: greenlet) -> None:
    """Let others run until each of `targets`, greenlets of this thread, is parked.

    One `sleep(0)` is not enough: a call that would block yields first if the thread has not polled for some
    milliseconds. The time limit of the test bounds the wait.
    """
    while not all(map(is_parked, targets)):
        greenrt.sleep(0)
