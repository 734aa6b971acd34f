"""What waits in C in this process: modules with known remedies, and calls that wait for file locks."""

import sys
from collections.abc import Callable
from importlib.util import find_spec

from greenrt._typing import Any
from greenrt.inspect.remedies import REMEDIES, THREADS

__all__ = ["calls", "installed", "loaded", "record_call"]

_FILE_LOCK = (
    f"waits for other processes in C: ask without waiting and use greenrt.sleep in between, or {THREADS}"
)
# Values from <fcntl.h> and <sys/file.h>; the module fcntl may be missing.
_LOCK_NB = 4
_LOCK_UN = 8
_SET_AND_WAIT = (7, 38)
_F_LOCK = 1

# For each audit event: whether the call may wait, by its arguments, and its name for the report.
_CALLS: dict[str, tuple[Callable[..., bool], str]] = {
    "fcntl.fcntl": (lambda fd, command, arg: command in _SET_AND_WAIT, "fcntl.fcntl with F_SETLKW"),
    "fcntl.flock": (lambda fd, operation: not operation & (_LOCK_NB | _LOCK_UN), "fcntl.flock"),
    "fcntl.lockf": (lambda fd, operation, *_: not operation & (_LOCK_NB | _LOCK_UN), "fcntl.lockf"),
    "os.lockf": (lambda fd, command, length: command == _F_LOCK, "os.lockf"),
}

# The calls so far that may wait, with the place of the first one of each kind: {name: "file:line"}.
_made: dict[str, str] = {}


def record_call(event: str, args: tuple[Any, ...]) -> None:
    """Record a call that may wait for a file lock. For an audit hook that calls this function directly."""
    known = _CALLS.get(event)
    if known is None or known[1] in _made or not known[0](*args):
        return
    # The frame of the code that called the hook's caller.
    frame = sys._getframe(2)
    _made[known[1]] = f"{frame.f_code.co_filename}:{frame.f_lineno}"


def calls() -> dict[str, str]:
    """Return the recorded calls that wait in C: {name and place: remedy}."""
    return {f"{name} at {place}": _FILE_LOCK for name, place in _made.items()}


def loaded() -> dict[str, str]:
    """Return the listed modules that this process has imported: {module: remedy}."""
    return {name: remedy for name, remedy in REMEDIES.items() if name in sys.modules}


def installed() -> list[str]:
    """Return the names of the listed modules that could be imported and have not been."""
    return [name for name in REMEDIES if name not in sys.modules and _can_be_imported(name)]


def _can_be_imported(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False
