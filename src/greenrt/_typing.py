"""The names that annotations use, without the import of `typing`, which takes a third of greenrt's import time.

A type checker sees the real names. At run time they are empty stand-ins: annotations stay readable, and code that
evaluates them (`typing.get_type_hints`) gets the stand-ins.
"""

__all__ = ["TYPE_CHECKING", "Any", "ClassVar", "Generic", "Literal", "Protocol", "Self", "TypeVar"]

# Type checkers assume that a variable of this name is true.
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
