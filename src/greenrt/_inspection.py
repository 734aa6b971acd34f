"""What environment variables ask of `greenrt.inspect`, which is imported only if one asks for something."""

import os

from greenrt import _providers

__all__ = ["check_environment", "watchdog_limit"]

# The variables whose requests are under way.
_begun: set[str] = set()


def watchdog_limit() -> float | None:
    """Return the value of ``GREENRT_WATCHDOG`` in seconds, 0.0 for no watchdog; None if it is not set.

    Raises ValueError for an invalid value.
    """
    text = os.environ.get("GREENRT_WATCHDOG")
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds < float("inf"):
        raise ValueError(f"GREENRT_WATCHDOG is {text!r}; use a number of seconds, or 0 for no watchdog")
    return seconds


def check_environment() -> None:
    """Raise ValueError if an environment variable has an invalid value."""
    watchdog_limit()


def _begin() -> None:
    """Do what the variables ask for, once."""
    limit = watchdog_limit()
    if limit and "watchdog" not in _begun:
        _begun.add("watchdog")
        from greenrt.inspect.watchdog import watch

        watch(limit)


_providers.begin_inspection = _begin
