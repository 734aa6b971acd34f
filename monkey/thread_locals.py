"""Thread-locals that were made before patching: native ones, which all green threads of a thread would share."""

import sys

from greenrt.monkey.api import note, note_classes, replace
from greenrt.monkey.references import objects_of, substitute

from greenrt._typing import Any

__all__ = ["renew_thread_locals"]

# Holds the connections of multiprocessing's managers: shared, they would mix up their answers.
FORK_AWARE = "ForkAwareLocal"
# Modules whose classes are replaced: here, or when asyncio is patched.
DEALT_WITH = ("asyncio.events", "multiprocessing.util")


def renew_thread_locals(native: Any, green: type) -> None:
    """Put green locals, with this thread's data, where native ones are: if no other thread may have data in those.

    A class that was derived from the native one before stays as it is, and is in the report.
    """
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None:
        replace(util, {FORK_AWARE: _derived(getattr(util, FORK_AWARE), green)})
    shared = "all green threads of a native thread share what its objects hold"
    note_classes(native, "threading.local", shared, apart=DEALT_WITH)
    olds = objects_of(native)
    if olds and len(sys._current_frames()) > 1:
        note(
            f"{len(olds)} thread-locals were made, and native threads started, before patching: "
            "all green threads of a native thread share what they hold"
        )
        return

    def made(old: Any) -> Any:
        new = green()
        vars(new).update(vars(old))
        return new

    for where in substitute(olds, made):
        note(f"not made green: the thread-local {where}")


def _derived(kind: type, base: type) -> type:
    """Return a class like `kind` over another base. (It must not call `super()`.)"""
    body = {name: value for name, value in vars(kind).items() if name not in ("__dict__", "__weakref__")}
    return type(kind.__name__, (base,), body)
