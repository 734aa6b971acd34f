"""Attributes of classes, instances and greenlets as CPython and greenlet keep them.

The program's classes may have properties of the same names, its metaclasses an attribute access of their own, and its
texts may be objects of a subclass of str. These functions run no such code.
"""

from collections.abc import Callable, Mapping
from contextvars import Context
from types import FrameType

from greenlet import greenlet

from greenrt._typing import Any

__all__ = [
    "context_of",
    "field",
    "fields_of",
    "frame_of",
    "module_of",
    "mro_of",
    "name_of",
    "own_field",
    "parent_of",
    "plain",
    "qualname_of",
    "type_name",
]

# An attribute of an object that has no property of the name.
field: Callable[[Any, str], Any] = object.__getattribute__
mro_of: Callable[[type], tuple[type, ...]] = vars(type)["__mro__"].__get__
fields_of: Callable[[type], Mapping[Any, Any]] = vars(type)["__dict__"].__get__
# The text of an instance of a subclass of str, whatever methods that has.
plain: Callable[[str], str] = str.__str__

parent_of: Callable[[Any], greenlet | None] = vars(greenlet)["parent"].__get__
frame_of: Callable[[Any], FrameType | None] = vars(greenlet)["gr_frame"].__get__
context_of: Callable[[Any], Context | None] = vars(greenlet)["gr_context"].__get__

_module: Callable[[type], Any] = vars(type)["__module__"].__get__
_name: Callable[[type], str] = vars(type)["__name__"].__get__
_qualname: Callable[[type], str] = vars(type)["__qualname__"].__get__


def module_of(kind: type) -> str:
    """Return the name of the module of a class; "?" if the class has no such text."""
    try:
        name = _module(kind)
    except AttributeError:
        name = None
    return name if type(name) is str else "?"


def own_field(kind: type, name: str) -> Any:
    """Return the field of this name that a class inherits from a class of greenrt; None if it inherits none."""
    own = (fields_of(base) for base in mro_of(kind) if module_of(base).startswith("greenrt."))
    return next((fields[name] for fields in own if name in fields), None)


def name_of(kind: type) -> str:
    """Return the name of a class."""
    return plain(_name(kind))


def qualname_of(kind: type) -> str:
    """Return the qualified name of a class."""
    return plain(_qualname(kind))


def type_name(kind: type) -> str:
    """Return the qualified name of a class, with its module."""
    return f"{module_of(kind)}.{qualname_of(kind)}"
