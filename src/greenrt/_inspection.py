"""The check of environment variables, and what they ask of `greenrt.inspect`, which is imported only then."""

import os

from greenrt import _providers
from greenrt._typing import Any
from greenrt.dns import choice

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
    choice.check_environment()
    watchdog_limit()


def _begin(hub: Any) -> None:
    """Do what the variables ask for, once. `hub` is new."""
    limit = watchdog_limit()
    if limit and "watchdog" not in _begun:
        _begun.add("watchdog")
        from greenrt.inspect.watchdog import watch

        watch(limit)


_providers.check_environment = check_environment
_providers.at_new_hub.append(_begin)
