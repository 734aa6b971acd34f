"""State of the running OS thread: a slot for one object, its ident, clocks, pending signals (plain twin)."""

from _signal import SIGINT
from time import monotonic

from greenrt import _atfork, _original
from greenrt._original import get_ident as ident
from greenrt._typing import Any

__all__ = ["check_signals", "coarse", "get_slot", "ident", "monotonic", "run_soon", "set_slot", "untrack"]

# Not a thread-local: if it is set at the very end of a thread, as a hub does, each such thread leaks memory. Callers
# that set an object clear it before the thread ends.
_slots: dict[int, Any] = {}

coarse = monotonic


def get_slot() -> Any:
    """Return the object in this thread's slot, or None."""
    return _slots.get(ident())


def set_slot(value: Any) -> None:
    """Store an object in this thread's slot; None clears the slot."""
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
    """Run the Python handlers of signals that have arrived: the interpreter does so at the call of any function."""
    return 0


def run_soon(function: Any) -> bool:
    """Make the main thread call `function` at its next bytecode boundary, as a one-shot handler of SIGINT.

    An exception of `function` is raised there. Returns False in other threads, and if the handler of SIGINT was not
    installed by Python.
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
    """Do nothing: only C code can hide an object from the cyclic garbage collector."""
