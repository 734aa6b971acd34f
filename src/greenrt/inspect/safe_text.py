"""Texts for objects of the program that run no code of the program."""

from collections import deque
from types import FunctionType, MethodType

from greenrt._bare import field, fields_of, module_of, mro_of, name_of, plain, qualname_of, type_name
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.report import known_ident_of
from greenrt._loop.watchers.base import Watcher
from greenrt._native.unbound import unbound
from greenrt._typing import Any
from greenrt.inspect.threads import name_of_thread
from greenrt.sync.async_result import AsyncResult
from greenrt.sync.condition import Condition
from greenrt.sync.group import Group
from greenrt.sync.lock import Mutex
from greenrt.sync.queue import SimpleQueue

__all__ = ["count_of", "failed", "function_name", "greenlet_name", "safe_text", "wait_text"]

# The longest text of a string, in characters, and the longest tuple whose items are shown.
LONGEST = 40
ITEMS = 4
# The largest int whose digits are shown, in bits: so many have 39 digits. CPython refuses some thousands.
BITS = 128
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


def safe_text(value: Any) -> str:
    """Return a short text for `value`: its repr() if that is no code of the program, else its type and address."""
    kind = type(value)
    if id(kind) in _PLAIN:
        if kind is int and value.bit_length() > BITS:
            return f"<int of {value.bit_length()} bits>"
        return repr(value)
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
            return f"<{qualname_of(kind)} {greenlet_name(value)}: {function_name(field(value, '_function'))}>"
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
        return f"<{head} waiting={len(value._waiters)}>"
    if issubclass(kind, AsyncResult):
        state = "set" if value._set else f"unset waiting={AsyncResult.linkcount(value)}"
        return f"<{head} {state}>"
    if issubclass(kind, Group):
        return f"<{head}>"
    if issubclass(kind, Watcher) and module_of(kind).startswith("greenrt."):
        words = [f" {name}={getattr(value, name)}" for name in ("fd", "pid", "signum") if hasattr(kind, name)]
        return f"<{head}{''.join(words)}>"
    return None


def count_of(items: Any) -> int | None:
    """Return the number of a queue's items; None if a subclass keeps them in an object of its own class."""
    return len(items) if type(items) is deque or type(items) is list else None


def _queue_state(queue: Any) -> str:
    count = count_of(queue.queue)
    words = [] if count is None else [f"{count} items"]
    if queue._maxsize > 0:
        words.append(f"maxsize={queue._maxsize}")
    words += [
        f"{name}={len(waiters)}"
        for name, waiters in (("getters", queue.getters), ("putters", queue.putters))
        if waiters
    ]
    return "".join(f" {word}" for word in words)


def greenlet_name(target: Greenlet[Any]) -> str:
    """Return the name of a greenlet, which the program may have set to anything.

    A greenlet whose name nothing has asked for has no number, and gets none: that would cost memory for each.
    """
    name = field(target, "_name")
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
