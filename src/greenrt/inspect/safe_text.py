"""Texts for objects of the program that run no code of the program."""

import sys
from collections import deque
from types import FunctionType, MethodType

from greenrt._bare import (
    field_reader,
    fields_of,
    module_of,
    mro_of,
    name_of,
    namespace_reader,
    plain,
    qualname_of,
    type_name,
)
from greenrt._hub.bare import function_of, given_name_of
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.guarded import WaitList
from greenrt._hub.report import known_ident_of
from greenrt._loop.watchers.base import Watcher
from greenrt._native.unbound import unbound
from greenrt._render import int_text
from greenrt._typing import Any
from greenrt.inspect.threads import name_of_thread
from greenrt.sync.async_result import AsyncResult
from greenrt.sync.condition import Condition
from greenrt.sync.group import Group
from greenrt.sync.lock import Mutex
from greenrt.sync.queue import SimpleQueue

__all__ = [
    "count_of",
    "failed",
    "function_name",
    "greenlet_name",
    "numbers_of_queue",
    "safe_text",
    "size_of",
    "wait_text",
]

# The longest text of a string, in characters, and the longest tuple whose items are shown.
LONGEST = 40
ITEMS = 4
# The modules of classes whose repr() has texts of no other objects. Those of others would call the program's.
_HARMLESS = frozenset(
    (
        "greenrt._hub.hub",
        "greenrt._loop.loop",
        "greenrt._deadline",
        "greenrt.serve.http.connection_socket",
        "greenrt.sync.channel",
        "greenrt.sync.event",
        "greenrt.sync.semaphore",
        "greenrt.sync.threadpool",
        # These name the addresses of sockets.
        "socket",
        "ssl",
    )
)
# The types whose repr() is C code, and short; and those of strings. By id: comparing types may call the `__eq__` of a
# metaclass.
_PLAIN = frozenset(map(id, (bool, float, int, type(None))))
_STRINGS = frozenset(map(id, (bytes, str)))
# The base of the types of patched functions that are not bound when a class has them.
_UNBOUND = type(unbound(known_ident_of))
# The types of functions that are written in C or compiled by Cython.
_IN_C = ("builtin_function_or_method", "cython_function_or_method", "method_descriptor")

_fields_of_condition = namespace_reader(Condition)
_items = field_reader(SimpleQueue, "queue")
_maxsize = field_reader(SimpleQueue, "_maxsize")
_getters = field_reader(SimpleQueue, "getters")
_putters = field_reader(SimpleQueue, "putters")


def safe_text(value: Any) -> str:
    """Return a short text for `value`: its repr() if that is no code of the program, else its type and address."""
    kind = type(value)
    if id(kind) in _PLAIN:
        return int_text(value) if kind is int else repr(value)
    if id(kind) in _STRINGS:
        return repr(value if len(value) <= LONGEST else value[:LONGEST]) + (
            "" if len(value) <= LONGEST else "..."
        )
    if kind is tuple and len(value) <= ITEMS and not any(type(each) is tuple for each in value):
        # Such as the address of a socket.
        return f"({', '.join(map(safe_text, value))}{',' if len(value) == 1 else ''})"
    try:
        # isinstance would read the attribute `__class__`, which is code of the program in a proxy.
        if issubclass(kind, Greenlet):
            return f"<{qualname_of(kind)} {greenlet_name(value)}: {function_name(function_of(value))}>"
        if _has_harmless_repr(kind):
            return repr(value)
        text = _text_of_ours(value, kind)
    except Exception:
        # A field of an object that is half made, or that another thread is changing.
        text = None
    if text is not None:
        return text
    return f"<{type_name(kind)} at {id(value):#x}>"


def failed(what: str, error: Exception) -> str:
    """Return the text that takes the place of `what`, which could not be made."""
    return f"<{what} failed: {name_of(type(error))}>"


def _has_harmless_repr(kind: type) -> bool:
    """Return whether the type's ``__repr__`` runs no code of the program.

    It may call methods that a subclass of the program has replaced.
    """
    for base in mro_of(kind):
        module = module_of(base)
        if "__repr__" in fields_of(base):
            return module in _HARMLESS
        if module not in _HARMLESS and not module.startswith("greenrt."):
            return False
    return False


def _text_of_ours(value: Any, kind: type) -> str | None:
    """Return a text for an object of greenrt whose repr() has texts of the program's objects; None for others."""
    head = f"{name_of(kind)} at {id(value):#x}"
    if issubclass(kind, SimpleQueue):
        return f"<{head}{_queue_state(value)}>"
    if issubclass(kind, Mutex):
        return f"<{'locked' if Mutex.locked(value) else 'unlocked'} {head}>"
    if issubclass(kind, Condition):
        waiting = count_of(_fields_of_condition(value).get("_waiters"))
        return f"<{head}>" if waiting is None else f"<{head} {waiting=}>"
    if issubclass(kind, AsyncResult):
        state = "set" if AsyncResult.ready(value) else f"unset waiting={AsyncResult.linkcount(value)}"
        return f"<{head} {state}>"
    if issubclass(kind, Group):
        return f"<{head}>"
    if issubclass(kind, Watcher) and module_of(kind).startswith("greenrt."):
        words = [f" {name}={getattr(value, name)}" for name in ("fd", "pid", "signum") if hasattr(kind, name)]
        return f"<{head}{''.join(words)}>"
    return None


def count_of(items: Any) -> int | None:
    """Return the number of items or waiters; None if a subclass keeps them in an object of its own class."""
    kind = type(items)
    return len(items) if kind is deque or kind is list or kind is WaitList else None


def size_of(value: Any) -> int | None:
    """Return a limit on the size of something, which the program may have set to anything; None if it is no size."""
    return value if type(value) is int and 0 <= value <= sys.maxsize else None


def numbers_of_queue(queue: Any) -> tuple[int | None, int | None, int, int]:
    """Return how many items a queue of greenrt's has (see `count_of`), at most how many, its getters and putters."""
    return (
        count_of(_items(queue)),
        size_of(_maxsize(queue)) or None,
        _getters(queue).count,
        _putters(queue).count,
    )


def _queue_state(queue: Any) -> str:
    count, limit, getters, putters = numbers_of_queue(queue)
    words = [] if count is None else [f"{count} items"]
    words += [
        f"{name}={number}"
        for name, number in (("maxsize", limit), ("getters", getters), ("putters", putters))
        if number
    ]
    return "".join(f" {word}" for word in words)


def greenlet_name(target: Greenlet[Any]) -> str:
    """Return the name of a greenlet, which the program may have set to anything.

    A greenlet whose name nothing has asked for has no number, and gets none: that would cost memory for each.
    """
    name = given_name_of(target)
    if name is not None:
        return name if type(name) is str else safe_text(name)
    name = name_of_thread(target)
    if name is not None:
        return name
    number = known_ident_of(target)
    kind = name_of(type(target))
    return f"{kind} at {id(target):#x}" if number is None else f"{kind}-{number}"


def wait_text(what: Any) -> str:
    """Return a text for what a park waits on: an object, or a tuple of a format and its objects."""
    if type(what) is str:
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
    while type(function) is MethodType or issubclass(type(function), _UNBOUND):
        function = function.__func__ if type(function) is MethodType else function.__wrapped__
    if type(function) is FunctionType:
        return plain(function.__code__.co_qualname)
    # The names of others may be attributes that the program computes.
    kind = type(function)
    if issubclass(kind, type):
        return qualname_of(function)
    if name_of(kind) in _IN_C:
        return plain(function.__qualname__)
    return f"a {qualname_of(kind)}"
