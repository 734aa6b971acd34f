"""Copies of original functions that no sweep of modules finds: the report names them."""

from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType

from greenrt.monkey.references import places

from greenrt._typing import Any

__all__ = ["BENEATH", "left"]

# C modules under the patched ones: they hold the originals, which the runtime itself calls.
BENEATH = frozenset(("_socket", "_queue", "_signal", "posix"))


def left(saved: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return, in words, where the functions among `saved`, what was replaced, still are, and block.

    These are in containers, instances, closures and partials: their makers may count on what they are.
    """
    names: dict[int, str] = {}
    functions = []
    for module, items in saved.items():
        for name, function in items.items():
            # Other modules have no copies of a module's private functions.
            if type(function) in (BuiltinFunctionType, FunctionType) and not name.startswith("_"):
                names.setdefault(id(function), f"{module}.{name}")
                functions.append(function)
    found = [
        f"not reached: {names[id(function)]}: {where}"
        for function, where, _ in places(functions, apart=list(saved.values()))
        if where.split(".")[0] not in BENEATH
    ]
    return sorted(found)
