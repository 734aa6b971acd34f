"""Counts the switches between greenlets: an operation that takes its fast path makes none, or none to the hub."""

import os
from collections.abc import Callable
from typing import Any

import greenlet

import greenrt
from greenrt._native.switch import INTERRUPTIBLE

__all__ = ["STRAIGHT", "hub_switches", "switches"]

# Where signal handlers may run in greenrt's own code, greenlets switch by way of the hub.
STRAIGHT = not INTERRUPTIBLE and not os.environ.get("GREENRT_SEED")
TRIES = 5


def switches(operation: Callable[[], Any]) -> int:
    """Return how many switches the calling thread makes during ``operation()``: the least of five tries.

    Each try begins after a poll. When the thread has not polled for some milliseconds, any operation may yield. So
    one try says nothing on a busy machine.
    """
    return min(len(_during(operation)) for _ in range(TRIES))


def hub_switches(operation: Callable[[], Any]) -> int:
    """Return how many of the switches have the hub for a target; otherwise as `switches`."""
    hub = greenrt.get_hub()
    return min(sum(target is hub for _, target in _during(operation)) for _ in range(TRIES))


def _during(operation: Callable[[], Any]) -> list[tuple[greenlet.greenlet, greenlet.greenlet]]:
    seen: list[tuple[greenlet.greenlet, greenlet.greenlet]] = []
    greenrt.sleep(0.001)
    before = greenlet.settrace(lambda event, switch: seen.append(switch))
    try:
        operation()
    finally:
        greenlet.settrace(before)
    return seen
