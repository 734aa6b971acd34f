"""Attributes of modules, classes, instances and greenlets as CPython and greenlet keep them.

The program's classes may have properties of the same names, its metaclasses an attribute access of their own, and its
texts may be objects of a subclass of str. A module of the program may be lazy, or another object may be in its place.
These functions run no such code.
"""

import sys
from collections.abc import Callable, Mapping
from contextvars import Context
from types import FrameType, GetSetDescriptorType, MemberDescriptorType, ModuleType

from greenlet import greenlet

from greenrt._typing import Any

__all__ = [
    "context_of",
    "field_reader",
    "fields_of",
    "frame_of",
    "instance_namespace",
    "module_namespace",
    "module_of",
    "mro_of",
    "name_of",
    "names_in",
    "names_of_module",
    "namespace_reader",
    "own_field",
    "parent_of",
    "plain",
    "qualname_of",
    "thread_name",
    "type_name",
]

mro_of: Callable[[type], tuple[type, ...]] = vars(type)["__mro__"].__get__
fields_of: Callable[[type], Mapping[Any, Any]] = vars(type)["__dict__"].__get__
module_namespace: Callable[[ModuleType], dict[Any, Any]] = vars(ModuleType)["__dict__"].__get__
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


def _namespace_field(kind: type) -> Any:
    """Return the descriptor by which CPython keeps the `__dict__` of instances of a class; None if they have none."""
    for base in mro_of(kind):
        found: Any = fields_of(base).get("__dict__")
        # The program may have defined another `__dict__`, such as a property, or a descriptor of something else.
        # By identity: comparing types may call the `__eq__` of a metaclass.
        kind_of_field = type(found)
        if kind_of_field is not GetSetDescriptorType and kind_of_field is not MemberDescriptorType:
            continue
        # From CPython 3.15 on, all classes of Python code share the descriptor of `object`.
        owner = found.__objclass__
        if (owner is base or owner is object) and found.__name__ == "__dict__":
            return found
    return None


def instance_namespace(thing: Any) -> dict[Any, Any] | None:
    """Return the `__dict__` of an instance; None if it has none, or one of a class of the program."""
    found = _namespace_field(type(thing))
    namespace = None if found is None else found.__get__(thing)
    return namespace if type(namespace) is dict else None


def namespace_reader(kind: type) -> Callable[[Any], dict[str, Any]]:
    """Return a function that reads the `__dict__` of an instance of `kind`, a class of greenrt, or of a subclass.

    This is faster than `instance_namespace`.
    """
    reader: Callable[[Any], dict[str, Any]] = _namespace_field(kind).__get__
    return reader


def field_reader(kind: type, name: str) -> Callable[[Any], Any]:
    """Return a function that reads an attribute of an instance of `kind`, a class of greenrt, or of a subclass.

    It reads what a compiled class keeps in the object and what a plain one keeps in a slot or the `__dict__`. The
    value is None if the plain one does not have it yet.
    """
    own: Any = next((fields_of(base)[name] for base in mro_of(kind) if name in fields_of(base)), None)
    if hasattr(type(own), "__set__"):
        reader: Callable[[Any], Any] = own.__get__
        return reader
    namespace = namespace_reader(kind)
    return lambda thing: namespace(thing).get(name, own)


def names_of_module(name: str) -> dict[Any, Any]:
    """Return the names in a module of `sys.modules`; an empty dict if it is missing or is no module.

    A lazy module of importlib's that is not loaded yet has few names, and is not loaded by this.
    """
    return names_in(sys.modules.get(name))


def names_in(module: Any) -> dict[Any, Any]:
    """Return the names in a module; an empty dict if another object is in its place."""
    return module_namespace(module) if issubclass(type(module), ModuleType) else {}


def thread_name(ident: int) -> str | None:
    """Return the name of a native thread; None if `threading` does not know one."""
    threads = names_of_module("threading").get("_active")
    thread = threads.get(ident) if type(threads) is dict else None
    name = (instance_namespace(thread) or {}).get("_name")
    return name if type(name) is str else None
