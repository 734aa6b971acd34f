"""What belongs to the running OS thread: an object slot, its identity, clocks, pending signals (plain twin)."""

from _signal import SIGINT
from time import monotonic

from greenrt import _atfork, _original
from greenrt._original import get_ident as ident
from greenrt._typing import Any

__all__ = ["check_signals", "coarse", "get_slot", "ident", "monotonic", "run_soon", "set_slot", "untrack"]

# Not a thread-local: set at the very end of a thread, as a hub does, that would leave something behind each time.
# The setter of an object clears it before the thread is gone.
_slots: dict[int, Any] = {}

coarse = monotonic


def get_slot() -> Any:
    """Return this thread's object, or None."""
    return _slots.get(ident())


def set_slot(value: Any) -> None:
    """Set this thread's object; None clears it."""
    if value is None:
        _slots.pop(ident(), None)
    else:
        _slots[ident()] = value


def _forget_other_threads() -> None:
    mine = get_slot()
    _slots.clear()
    set_slot(mine)


_atfork.register(_atfork.PRIMITIVES, _forget_other_threads)


def check_signals() -> int:
    """Run the Python handlers of signals that have arrived: the interpreter did so at this very call."""
    return 0


def run_soon(function: Any) -> bool:
    """Have the main thread call `function` at its next bytecode boundary: as a handler of SIGINT, for this once.

    What it raises is raised there. False in other threads, and if SIGINT has a handler that is not of Python's.
    """
    previous = _original.get_signal(SIGINT)
    if previous is None:
        return False

    def handler(number: int, frame: Any) -> None:
        _original.set_signal(SIGINT, previous)
        function()

    try:
        _original.set_signal(SIGINT, handler)
    except ValueError:
        return False
    _original.interrupt_main(SIGINT)
    return True


def untrack(thing: object) -> None:
    """Leave the object to the cyclic garbage collector: only C code can hide it."""
