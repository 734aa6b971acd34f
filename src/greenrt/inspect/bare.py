"""Attributes of greenlets and classes as greenlet, greenrt and CPython keep them.

The program's subclasses may have properties of the same names, and its metaclasses an attribute access of their own.
These functions run no such code.
"""

from collections.abc import Callable, Mapping
from contextvars import Context
from types import FrameType

from greenlet import greenlet

from greenrt._hub.greenlet import Greenlet
from greenrt._hub.park import Park
from greenrt._native.switch import Fiber
from greenrt._typing import Any

__all__ = [
    "context_of",
    "field",
    "fields_of",
    "frame_of",
    "has_ended",
    "is_greenlet",
    "module_of",
    "mro_of",
    "name_of",
    "parent_of",
    "park_of",
    "plain",
    "qualname_of",
]

# An attribute of an object that has no property of the name.
field: Callable[[Any, str], Any] = object.__getattribute__
parent_of: Callable[[Any], greenlet | None] = vars(greenlet)["parent"].__get__
frame_of: Callable[[Any], FrameType | None] = vars(greenlet)["gr_frame"].__get__
context_of: Callable[[Any], Context | None] = vars(greenlet)["gr_context"].__get__
mro_of: Callable[[type], tuple[type, ...]] = vars(type)["__mro__"].__get__
fields_of: Callable[[type], Mapping[str, Any]] = vars(type)["__dict__"].__get__
module_of: Callable[[type], Any] = vars(type)["__module__"].__get__

_ended: Callable[[Any], bool] = vars(Greenlet)["dead"].__get__
_dead: Callable[[Any], bool] = vars(greenlet)["dead"].__get__
_name: Callable[[type], str] = vars(type)["__name__"].__get__
_qualname: Callable[[type], str] = vars(type)["__qualname__"].__get__
# The text of an instance of a subclass of str, whatever methods that has.
plain: Callable[[str], str] = str.__str__


def is_greenlet(target: Any) -> bool:
    """Return whether `target` is a Greenlet, and not a raw greenlet. isinstance might read its ``__class__``."""
    return issubclass(type(target), Greenlet)


def park_of(target: Any) -> Park | None:
    """Return the park in which any greenlet waits, or None."""
    state = target if issubclass(type(target), Fiber) else field(target, "__dict__").get("_greenrt")
    park: Park | None = None if state is None else field(state, "_park")
    return park


def has_ended(target: Any) -> bool:
    """Return whether any greenlet is dead."""
    return _ended(target) if is_greenlet(target) else _dead(target)


def name_of(kind: type) -> str:
    """Return the name of a class."""
    return plain(_name(kind))


def qualname_of(kind: type) -> str:
    """Return the qualified name of a class."""
    return plain(_qualname(kind))
