# Compiled as builtin functions: a class does not bind them, as it does not bind the functions that these replace.
# cython: binding=False, embedsignature=True, embedsignature.format=clinic
"""The standard library's `time` module, cooperative: `sleep` suspends only the greenlet.

A green thread has the CPU clock of the native thread that runs it.
"""

# This module redefines the names of the standard module on purpose.
# mypy: disable-error-code="no-redef"

import sys
import time as _stdlib
from operator import index
from time import *  # noqa: F403

from greenrt import _original
from greenrt._hub.sleep import sleep as _sleep
from greenrt._native.switch import is_finalizing
from greenrt._native.unbound import unbound
from greenrt._typing import Any
from greenrt.green._twin import public_names, supported
from greenrt.green.thread import native_ident

# CPython represents time by 64 bits of nanoseconds.
LONGEST = 2**63 / 1e9

# `int | float` would make a new object with each call.
_NUMBERS = (int, float)

# CPython accepts decimals and fractions too.
_TAKES_REAL_NUMBERS = sys.version_info >= (3, 15)

# A C variable in the compiled build: finalizers sleep after modules have lost their names. In the plain build,
# `unbound` makes the original call then.
_native_sleep = _original.sleep

__all__ = public_names(_stdlib)


def sleep(seconds: Any, /) -> None:
    """Suspend the greenlet for `seconds`. Raise ValueError if that is negative or NaN, as `time.sleep`."""
    if is_finalizing():
        _native_sleep(seconds)
        return
    if not isinstance(seconds, _NUMBERS):
        seconds = _converted(seconds)
    if not 0 <= seconds <= LONGEST:
        raise _refusal(seconds)
    _sleep(seconds)


def _converted(seconds: Any) -> int | float:
    """Return the number that `time.sleep` of this version uses for an object that is neither an int nor a float."""
    if _TAKES_REAL_NUMBERS and hasattr(type(seconds), "__float__"):
        return float(seconds)
    if hasattr(type(seconds), "__index__"):
        return index(seconds)
    # Raises TypeError with the text of this Python version.
    _original.sleep(seconds)
    raise TypeError(f"{type(seconds).__name__} object is not a number of seconds")


def _refusal(seconds: Any) -> Exception:
    if seconds != seconds:
        return ValueError("Invalid value NaN (not a number)")
    if seconds < 0:
        return ValueError("sleep length must be non-negative")
    return OverflowError("timestamp too large to convert to C PyTime_t")


def pthread_getcpuclockid(thread_id: Any, /) -> int:
    """Return the number of a thread's CPU clock. See `time.pthread_getcpuclockid`."""
    clock: int = _original.getcpuclockid(native_ident(thread_id))
    return clock


# The functions that patching replaces in the standard module's dict.
FUNCTIONS: dict[str, Any] = supported(
    _stdlib, sleep=unbound(sleep, _native_sleep), pthread_getcpuclockid=pthread_getcpuclockid
)
