"""The names that annotations use, without the import of `typing`, which would take a third of greenrt's own.

A type checker sees the real ones. At run time they are empty stand-ins: annotations stay readable, and code
that evaluates them (`typing.get_type_hints`) gets these.
"""

__all__ = ["TYPE_CHECKING", "Any", "ClassVar", "Generic", "Literal", "Protocol", "Self", "TypeVar"]

# Type checkers take a variable of this name for true.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, ClassVar, Generic, Literal, Protocol, Self, TypeVar
else:

    class _StandIn:
        def __class_getitem__(cls, item):
            return cls

    def TypeVar(name):
        return _StandIn

    Any = ClassVar = Generic = Literal = Protocol = Self = _StandIn
