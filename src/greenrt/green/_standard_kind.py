"""The type of cooperative classes that take the place of standard ones that are written in C."""

from abc import ABCMeta

from greenrt._typing import Any

__all__ = ["StandardKind", "with_module"]

# Class: the standard class that it replaces.
_standards: dict[type, type] = {}


class StandardKind(ABCMeta):
    """The type of a class that replaces the class `standard`: ``class FileIO(..., standard=io.FileIO)``.

    The class accepts the instances and subclasses of the standard class as its own, and is immutable. Subclasses of
    it are ordinary classes.
    """

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], standard: type | None = None
    ) -> Any:
        """Make the class."""
        if standard is not None:
            namespace = {**namespace, "__module__": standard.__module__, "__doc__": standard.__doc__}
        made = super().__new__(cls, name, bases, namespace)
        if standard is not None:
            _standards[made] = standard
        return made

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: Any) -> None:
        super().__init__(name, bases, namespace)

    def __setattr__(cls, name: str, value: Any) -> None:
        if cls in _standards:
            # Raises TypeError with the text of this Python version.
            setattr(_standards[cls], name, value)
        super().__setattr__(name, value)

    def __delattr__(cls, name: str) -> None:
        if cls in _standards:
            delattr(_standards[cls], name)
        super().__delattr__(name)

    def __instancecheck__(cls, instance: Any) -> bool:
        return super().__instancecheck__(instance) or (
            cls in _standards and isinstance(instance, _standards[cls])
        )

    def __subclasscheck__(cls, kind: type) -> bool:
        return super().__subclasscheck__(kind) or (cls in _standards and issubclass(kind, _standards[cls]))


def with_module(thing: Any, text: str) -> str:
    """Return `text`, the repr that C code made of `thing`, with the module that the standard class has in it.

    C code prints the C name of a class. That of a class in Python has no module.
    """
    standard = _standards.get(type(thing))
    if standard is None or not text.startswith(f"<{standard.__name__}"):
        return text
    return f"<{standard.__module__}.{text[1:]}"
