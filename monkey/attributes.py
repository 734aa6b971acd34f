"""Attributes of the program's modules, classes and instances, read and set without running the program's code."""

from collections.abc import Iterator
from types import MemberDescriptorType

from greenrt import _bare
from greenrt._bare import fields_of, mro_of
from greenrt._render import int_text
from greenrt._typing import Any

__all__ = [
    "is_a",
    "set_on_class",
    "slots_of",
    "text_of_key",
    "type_name",
]


def is_a(thing: Any, kind: type) -> bool:
    """Return whether the type of `thing` is `kind` or a subclass.

    `isinstance` would also ask lazy objects and proxies, which run code.
    """
    return issubclass(type(thing), kind)


def slots_of(thing: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the slots of an instance that are set: the name, the descriptor and the value."""
    for kind in mro_of(type(thing)):
        fields = fields_of(kind)
        if "__slots__" in fields:
            for name, slot in list(fields.items()):
                if type(slot) is MemberDescriptorType:
                    try:
                        value = slot.__get__(thing)
                    except AttributeError:
                        # It is not set.
                        continue
                    yield name, slot, value


def set_on_class(kind: type, name: Any, value: Any) -> None:
    """Set an attribute of a class. Raise TypeError if the class is immutable."""
    try:
        type.__setattr__(kind, name, value)
    except TypeError:
        # Metaclasses that are written in C, such as those of ctypes, insist on their own function.
        setattr(kind, name, value)


def type_name(kind: type) -> str:
    """Return the qualified name of a class, with its module unless it is `builtins`."""
    return _bare.type_name(kind).removeprefix("builtins.")


def text_of_key(key: Any) -> str:
    """Return a text for the key of a dict."""
    if type(key) is str:
        return key
    return int_text(key) if type(key) is int else f"<{type_name(type(key))} object>"
