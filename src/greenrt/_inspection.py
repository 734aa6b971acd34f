"""The check of environment variables, and what they ask of `greenrt.inspect`, which is imported only then."""

import _signal
import os
from contextlib import suppress

from greenrt import _providers
from greenrt._typing import Any
from greenrt.dns import choice

__all__ = ["answer_by_default", "check_environment", "dump_signal", "listening_path", "watchdog_limit"]

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


def dump_signal() -> int | None:
    """Return the signal that ``GREENRT_DUMP_SIGNAL`` names, SIGUSR1 if it is not set, and None for 0: no signal.

    Raises ValueError for an invalid value.
    """
    text = os.environ.get("GREENRT_DUMP_SIGNAL") or "USR1"
    if text == "0":
        return None
    if text.isascii() and text.isdigit():
        number = int(text)
    else:
        # SIG_IGN and the like are no signals.
        name = "SIG" + text.removeprefix("SIG")
        number = 0 if name.startswith("SIG_") else getattr(_signal, name, 0)
    if not isinstance(number, int) or number not in _signal.valid_signals():
        raise ValueError(f"GREENRT_DUMP_SIGNAL is {text!r}; use a signal such as USR1, or 0 for none")
    return number


def check_environment() -> None:
    """Raise ValueError if an environment variable has an invalid value."""
    choice.check_environment()
    watchdog_limit()
    listening_path()
    dump_signal()


def answer_by_default() -> None:
    """Let `greenrt dump` and a signal ask this process, unless variables say otherwise. Never fails.

    A signal that the program handles already is left alone.
    """
    if listening_path()[0] is not False:
        _listen()
    number = dump_signal()
    if number is not None:
        from greenrt.inspect.signal_source import dump_on_signal

        with suppress(OSError, RuntimeError):
            dump_on_signal(number)


def _listen() -> None:
    if "listener" in _begun:
        return
    _begun.add("listener")
    from greenrt.inspect.listener import listen

    asked, path = listening_path()
    try:
        listen(path)
    except (OSError, RuntimeError) as error:
        # The program is worth more than the answers, for which the user has not asked without the variable.
        if asked:
            # Imported here because few programs need it.
            from greenrt import _log

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
