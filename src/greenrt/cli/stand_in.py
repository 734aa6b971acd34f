"""The option ``--as gevent,eventlet`` of commands that run a program, and ``GREENRT_AS``, which it overrides."""

import os
import sys

from greenrt import _alias

__all__ = ["stand_in", "take_option"]

OPTION = "--as"


def take_option(arguments: list[str], command: str) -> tuple[str | None, list[str]]:
    """Return the value of ``--as`` at the start of `arguments`, None without it, and the arguments that follow.

    Raises SystemExit with 2 if the value is missing.
    """
    first, equals, value = (arguments[0] if arguments else "").partition("=")
    if first != OPTION:
        return None, arguments
    if equals:
        return value, arguments[1:]
    if len(arguments) == 1:
        _refuse(command, f"{OPTION} needs a value: {OPTION} gevent")
    return arguments[1], arguments[2:]


def stand_in(given: str | None, command: str) -> None:
    """Serve by greenrt what the value of the option names, or else ``GREENRT_AS``.

    Child processes inherit the option as ``GREENRT_AS``, which `greenrt install-hook` lets them read.

    Raises SystemExit with 2 if that is wrong.
    """
    try:
        names = _alias.requested() if given is None else _alias.names_in(given, OPTION)
        if names:
            _alias.install(*names)
            os.environ[_alias.VARIABLE] = ",".join(names)
    except (ValueError, RuntimeError) as error:
        _refuse(command, str(error))


def _refuse(command: str, problem: str) -> None:
    print(f"{command}: {problem}", file=sys.stderr)
    raise SystemExit(2)
