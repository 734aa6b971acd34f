"""Waits until greenlets are parked, however busy the machine is."""

from greenlet import greenlet

import greenrt
from greenrt._hub.park import parked

__all__ = ["until_parked"]


def until_parked(*targets: greenlet) -> None:
    """Let others run until each of `targets`, greenlets of this thread, is parked.

    One `sleep(0)` is not enough: a call that would block yields first if the thread has not polled for some
    milliseconds. The time limit of the test bounds the wait.
    """
    while any((park := parked(target)) is None or not park.waiting for target in targets):
        greenrt.sleep(0)
