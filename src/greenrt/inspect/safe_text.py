"""Texts for objects of the program that run no code of the program."""

from types import FunctionType, MethodType

from greenrt._hub.greenlet import Greenlet
from greenrt._hub.report import known_ident_of
from greenrt._typing import Any

__all__ = ["function_name", "greenlet_name", "safe_text", "wait_text"]

# The longest text of a string, in characters.
LONGEST = 40
# Their repr() is C code, and short.
_PLAIN = (bool, float, int, type(None))
_STRINGS = (bytes, str)
# The types of functions that are written in C or compiled by Cython.
_IN_C = ("builtin_function_or_method", "cython_function_or_method", "method_descriptor")


def safe_text(value: Any) -> str:
    """Return a short text for `value`: its repr() if that is no code of the program, else its type and address."""
    kind = type(value)
    if kind in _PLAIN:
        return repr(value)
    if kind in _STRINGS:
        return repr(value if len(value) <= LONGEST else value[:LONGEST]) + (
            "" if len(value) <= LONGEST else "..."
        )
    if isinstance(value, Greenlet):
        return f"<{kind.__qualname__} {greenlet_name(value)}: {function_name(value._function)}>"
    if _is_ours(kind):
        try:
            return repr(value)
        except Exception:
            # A field of an object that is half made, or that another thread is changing.
            pass
    return f"<{kind.__module__}.{kind.__qualname__} at {id(value):#x}>"


def _is_ours(kind: type) -> bool:
    """Return whether the type's ``__repr__`` is greenrt's, or that of sockets, which names their addresses."""
    for base in kind.__mro__:
        if "__repr__" in vars(base):
            return base.__module__.partition(".")[0] in ("greenrt", "socket", "ssl")
    return False


def greenlet_name(target: Greenlet[Any]) -> str:
    """Return the name of a greenlet, which the program may have set to anything.

    A greenlet whose name nothing has asked for has no number, and gets none: that would cost memory for each.
    """
    name = target._name
    if name is not None:
        return name if type(name) is str else safe_text(name)
    number = known_ident_of(target)
    kind = type(target).__name__
    return f"{kind} at {id(target):#x}" if number is None else f"{kind}-{number}"


def wait_text(what: Any) -> str:
    """Return a text for what a park waits on: an object, or a tuple of a format and its objects."""
    if isinstance(what, str):
        return what
    if type(what) is tuple and what and type(what[0]) is str:
        return what[0].format(*(_Text(value) for value in what[1:]))
    return safe_text(what)


class _Text:
    """Stands for an object in a format string."""

    __slots__ = ("_text",)

    def __init__(self, value: Any) -> None:
        self._text = safe_text(value)

    def __repr__(self) -> str:
        return self._text

    def __str__(self) -> str:
        return self._text

    def __format__(self, specification: str) -> str:
        return self._text


def function_name(function: Any) -> str:
    """Return the name of a function, method or class; for another callable, its type."""
    while type(function) is MethodType:
        function = function.__func__
    if type(function) is FunctionType:
        return function.__code__.co_qualname
    # The names of others may be attributes that the program computes.
    if type(function) is type or type(function).__name__ in _IN_C:
        return str(function.__qualname__)
    return f"a {type(function).__qualname__}"
