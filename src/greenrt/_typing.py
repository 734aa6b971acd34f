"""The names that annotations use, without the import of `typing`, which takes a third of greenrt's import time.

A type checker sees the real names. At run time they are classes of the same names: signatures and `help` show them,
and code that evaluates annotations (`typing.get_type_hints`) gets them.
"""

from types import GenericAlias, TracebackType

__all__ = [
    "TYPE_CHECKING",
    "Any",
    "ClassVar",
    "ExcInfo",
    "Generic",
    "Literal",
    "ParamSpec",
    "Protocol",
    "Self",
    "SupportsFloat",
    "Throwable",
    "TypeVar",
    "TypeVarTuple",
    "Unpack",
    "overload",
]

# What `sys.exc_info` returns for an exception.
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
# What `kill` and `throw` raise.
Throwable = type[BaseException] | BaseException | ExcInfo

# Type checkers assume that a variable of this name is true.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import (
        Any,
        ClassVar,
        Generic,
        Literal,
        ParamSpec,
        Protocol,
        Self,
        SupportsFloat,
        TypeVarTuple,
        Unpack,
        overload,
    )

    # Before Python 3.13, the TypeVar of `typing` has no default. Type checkers bring `typing_extensions`.
    from typing_extensions import TypeVar
else:

    class _Name(type):
        """The class of names. They support ``X[...]`` and ``X | Y``, and look as those of `typing`."""

        home = "typing"

        def __new__(mcs, name, **options):
            return super().__new__(mcs, name, (), {"__module__": mcs.home})

        def __init__(cls, name, **options):
            pass

        def __getitem__(cls, item):
            return cls

        def __repr__(cls):
            return f"{cls.__module__}.{cls.__name__}".removeprefix("builtins.")

    class TypeVar(_Name):
        # Names of this module are shown alone.
        home = "builtins"

    class TypeVarTuple(TypeVar):
        pass

    class ParamSpec(TypeVar):
        # By this name, `collections.abc.Callable` recognizes a list of parameters.
        __module__ = "typing"

        args = kwargs = property(lambda cls: cls)

    Any = _Name("Any")
    ClassVar = _Name("ClassVar")
    Literal = _Name("Literal")
    Self = _Name("Self")
    SupportsFloat = _Name("SupportsFloat")
    Unpack = _Name("Unpack")

    class Generic:
        """A base without fields and methods, so compiled classes may have it. `Queue[int]` is an alias of `Queue`."""

        __slots__ = ()

        def __class_getitem__(cls, item):
            return cls if cls is Generic or cls is Protocol else GenericAlias(cls, item)

    class Protocol(Generic):
        __slots__ = ()

    def overload(function):
        return function
