"""The signatures of compiled classes, which `inspect` can't find by itself."""

import os
import sys
from types import WrapperDescriptorType

from greenrt._typing import Any

__all__ = ["ConstructorSignature"]


class ConstructorSignature:
    """The attribute `__signature__` of a compiled class: the signature of its constructor.

    A compiled class keeps no names of its constructor's arguments, so they are read from the source file, which lies
    beside the compiled module. `inspect` asks for this attribute first. If the constructor is a Python function, as
    in subclasses of the program, the attribute does not exist, and `inspect` reads that function.
    """

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            for kind in owner.__mro__:
                own = vars(kind)
                constructor = own.get("__init__")
                if isinstance(own.get("__new__"), staticmethod) or not (
                    constructor is None or isinstance(constructor, WrapperDescriptorType)
                ):
                    break
                signature = _read_signature(kind)
                if signature is not None:
                    return signature
        raise AttributeError(f"{owner.__name__} has no attribute '__signature__'")


def _read_signature(kind: type) -> Any:
    """Return the signature of the constructor in the source of a class of greenrt's, or None if it has none."""
    # Imported here because they take longer to import than all of greenrt.
    import __future__

    import ast
    import inspect

    package, *names = kind.__module__.split(".")
    path = os.path.join(os.path.dirname(__file__), *names) + ".py"
    if package != "greenrt" or not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as source:
        tree = ast.parse(source.read())
    constructors = [
        statement
        for definition in tree.body
        if isinstance(definition, ast.ClassDef) and definition.name == kind.__name__
        for statement in definition.body
        if isinstance(statement, ast.FunctionDef) and statement.name in ("__init__", "__cinit__")
    ]
    if not constructors:
        return None
    # The last one: those before it are overloads. It is defined again without its body, in a copy of its module's
    # namespace, which its defaults may need.
    constructor = constructors[-1]
    constructor.body = ast.parse("pass").body
    code = compile(
        ast.Module([constructor], []),
        path,
        "exec",
        flags=__future__.annotations.compiler_flag,
        dont_inherit=True,
    )
    namespace = dict(vars(sys.modules[kind.__module__]))
    exec(code, namespace)
    signature = inspect.signature(namespace[constructor.name])
    _self, *arguments = signature.parameters.values()
    return signature.replace(parameters=arguments)
