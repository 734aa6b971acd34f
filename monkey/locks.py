"""Locks that were made before patching: what waits for one of these would stop all greenlets."""

import sys
from types import ModuleType

from greenrt.monkey.api import note

from greenrt import _original
from greenrt._typing import Any
from greenrt.sync.lock import Lock, RLock

__all__ = ["renew"]

_NATIVE_LOCK: Any = type(_original.allocate_lock())
_NATIVE_RLOCK: Any = _original.RLock

# Modules whose locks belong to the interpreter, or are never held while something waits.
LEFT_ALONE = frozenset(
    ("_frozen_importlib", "_frozen_importlib_external", "importlib._bootstrap", "threading", "_thread")
)


def renew(logging: bool) -> None:
    """Make module-level locks green that nobody holds, and those of logging and its handlers."""
    for module in list(sys.modules.values()):
        name = getattr(module, "__name__", "")
        if isinstance(module, ModuleType) and name not in LEFT_ALONE and name.split(".")[0] != "greenrt":
            _renew_module(module)
    if logging and "logging" in sys.modules:
        _renew_handlers(sys.modules["logging"])


def _renew_module(module: ModuleType) -> None:
    for name, value in list(vars(module).items()):
        made = _renewed(value, f"{module.__name__}.{name}")
        if made is not None:
            setattr(module, name, made)


def _renewed(value: Any, where: str) -> Any:
    """Return a green lock for a free native one, else None."""
    if type(value) is _NATIVE_LOCK:
        if value.locked():
            note(f"not made green, since it is held: the lock {where}")
            return None
        return Lock()
    if type(value) is _NATIVE_RLOCK:
        # Held by this thread, or by another?
        if value._is_owned() or not value.acquire(False):
            note(f"not made green, since it is held: the lock {where}")
            return None
        value.release()
        return RLock()
    return None


def _renew_handlers(logging: Any) -> None:
    for reference in list(logging._handlerList):
        handler = reference() if callable(reference) else reference
        if handler is not None and handler.lock is not None:
            made = _renewed(handler.lock, f"of {handler!r}")
            if made is not None:
                handler.lock = made
