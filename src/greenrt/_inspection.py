"""The check of environment variables, and what they ask of `greenrt.inspect`, which is imported only then."""

import os

from greenrt import _log, _providers
from greenrt._typing import Any
from greenrt.dns import choice

__all__ = ["check_environment", "listen_by_default", "listening_path", "watchdog_limit"]

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


def listening_path() -> tuple[bool | None, str | None]:
    """Return whether ``GREENRT_INSPECT`` lets `greenrt dump` ask, None if it is not set; and the path that it names.

    Raises ValueError for an invalid value.
    """
    text = os.environ.get("GREENRT_INSPECT")
    if not text:
        return None, None
    if text in ("0", "1"):
        return text == "1", None
    if not os.path.isabs(text):
        raise ValueError(f"GREENRT_INSPECT is {text!r}; use 1, 0, or an absolute path for the socket")
    return True, text


def check_environment() -> None:
    """Raise ValueError if an environment variable has an invalid value."""
    choice.check_environment()
    watchdog_limit()
    listening_path()


def listen_by_default() -> None:
    """Let `greenrt dump` ask this process, unless ``GREENRT_INSPECT`` says otherwise. Never fails."""
    if listening_path()[0] is not False:
        _listen()


def _listen() -> None:
    if "listener" in _begun:
        return
    _begun.add("listener")
    from greenrt.inspect.listener import listen

    asked, path = listening_path()
    try:
        listen(path)
    except (OSError, RuntimeError) as error:
        # The program is worth more than the answers. Without the variable nobody has asked for them.
        if asked:
            _log.warn("GREENRT_INSPECT: `greenrt dump` can't ask this process: %s", error)


def _begin(hub: Any) -> None:
    """Do what the variables ask for, once. `hub` is new."""
    limit = watchdog_limit()
    if limit and "watchdog" not in _begun:
        _begun.add("watchdog")
        from greenrt.inspect.watchdog import watch

        watch(limit)
    if listening_path()[0]:
        _listen()


_providers.check_environment = check_environment
_providers.at_new_hub.append(_begin)
