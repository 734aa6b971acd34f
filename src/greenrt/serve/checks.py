"""Checks of a server's arguments: each error names the setting, its value and what is allowed."""

from collections.abc import Mapping
from math import isfinite

from greenrt._typing import Any

__all__ = ["LONGEST", "check_callable", "check_class", "check_flag", "check_seconds", "check_whole"]

# The longest timeout of a socket, in seconds.
LONGEST = 1e9

# Hooks and attributes of gevent's servers that greenrt's servers never call or read.
UNCALLED = frozenset(
    """
    do_read do_close init_socket is_fatal_error pre_start set_listener start_accepting stop_accepting
    wrap_socket_and_handle environ_class get_environ handler_class secure_environ_class set_environ set_max_accept
    update_environ
    """.split()
)


def check_callable(name: str, value: Any) -> None:
    """Raise TypeError unless `value` is callable or None."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be callable or None, not {value!r}")


def check_flag(name: str, value: Any) -> None:
    """Raise TypeError unless `value` is True or False."""
    if value is not True and value is not False and value != 0 and value != 1:
        raise TypeError(f"{name} must be True or False, not {value!r}")


def check_whole(name: str, value: Any, least: int, optional: bool = True) -> None:
    """Raise TypeError or ValueError unless `value` is an int of at least `least`, or None if it is `optional`."""
    if value is None and optional:
        return
    or_none = ", or None" if optional else ""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int of at least {least}{or_none}, not {value!r}")
    if not least <= value < 1 << 31:
        raise ValueError(f"{name} must be from {least} to {(1 << 31) - 1}{or_none}, not {value!r}")


def check_seconds(name: str, value: Any, zero: bool = False, optional: bool = True) -> None:
    """Raise TypeError or ValueError unless `value` is a finite number of seconds, or None if it is `optional`.

    The number must be more than 0, or at least 0 if `zero` is True.
    """
    if value is None and optional:
        return
    or_none = ", or None" if optional else ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds{or_none}, not {value!r}")
    if not isfinite(value) or value > LONGEST or value < 0 or (value == 0 and not zero):
        least = "from 0" if zero else "more than 0"
        raise ValueError(f"{name} must be {least} and at most {LONGEST:.0e} seconds{or_none}, not {value!r}")


def check_class(kind: type, replaced: Mapping[str, str]) -> None:
    """Raise TypeError if a subclass of a server defines an attribute that the server never reads.

    `replaced` maps names of settings that have no effect to what to use instead.
    """
    server = _server_of(kind)
    bases = kind.__mro__[: kind.__mro__.index(server)]
    only_given: set[str] = set()
    # A constructor of the program may read any attribute.
    if not any("__init__" in vars(base) for base in bases):
        # Other arguments are also attributes of the class.
        only_given = {name for name in _arguments_of(server) if not hasattr(server, name)}
    for base in bases:
        for name, value in vars(base).items():
            if name in UNCALLED:
                raise TypeError(
                    f"{base.__name__}.{name} is never called or read by greenrt's {server.__name__}; remove it, and "
                    "override handle or do_handle, or wrap the application"
                )
            if name in replaced:
                raise TypeError(f"{base.__name__}.{name} has no effect; use {replaced[name]}")
            # A method or another descriptor of that name is the program's own.
            if name in only_given and not hasattr(type(value), "__get__"):
                raise TypeError(f"{base.__name__}.{name} has no effect; use the argument: {name}=...")


def _server_of(kind: type) -> type:
    return next(base for base in kind.__mro__ if base.__module__.startswith("greenrt.serve."))


def _arguments_of(server: Any) -> set[str]:
    code = server.__init__.__code__
    return set(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])
