"""What belongs to the running OS thread: an object slot, identity, clocks, signals, frame (plain twin)."""

import sys
from time import monotonic
from types import CodeType
from typing import Any

from greenrt._original import get_ident as ident
from greenrt._original import thread_local

__all__ = ["call_site", "check_signals", "coarse", "get_slot", "ident", "monotonic", "set_slot"]

_slots = thread_local()

coarse = monotonic


def get_slot() -> Any:
    """Return this thread's object, or None."""
    return getattr(_slots, "value", None)


def set_slot(value: Any) -> None:
    """Set this thread's object; None clears it."""
    _slots.value = value


def check_signals() -> int:
    """Run the Python handlers of signals that have arrived: the interpreter did so at this very call."""
    return 0


def call_site() -> tuple[CodeType, int] | None:
    """Return (code, instruction offset) of the caller's caller; the line is looked up when asked for."""
    # Frame 0 is this function, frame 1 the one that spawns (plain here, invisible when compiled).
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("greenrt._"):
        frame = frame.f_back
    return (frame.f_code, frame.f_lasti)
