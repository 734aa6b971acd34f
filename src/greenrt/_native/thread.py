"""What belongs to the running OS thread: an object slot, its identity, clocks, pending signals (plain twin)."""

from time import monotonic

from greenrt._original import get_ident as ident
from greenrt._original import thread_local
from greenrt._typing import Any

__all__ = ["check_signals", "coarse", "get_slot", "ident", "monotonic", "set_slot", "untrack"]

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


def untrack(thing: object) -> None:
    """Leave the object to the cyclic garbage collector: only C code can hide it."""
