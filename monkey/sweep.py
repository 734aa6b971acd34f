"""Find the copies that other modules made of replaced objects; rebind or report them."""

import sys
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType

from greenrt.monkey.references import is_a, places

from greenrt._typing import Any

__all__ = ["Pairs", "left", "sweep"]

# The pairs (old, new) of replaced objects, by the id of the old one.
Pairs = dict[int, tuple[Any, Any]]

# C modules under the patched ones: they hold the originals, which the runtime itself calls.
_BENEATH = frozenset(("_socket", "_queue", "_signal", "posix"))


def sweep(swept: Pairs) -> list[str]:
    """Rebind the copies of replaced objects in modules, their classes, and the defaults of functions.

    Return descriptions of the copies that could not be rebound.
    """
    missed: list[str] = []
    for module in list(sys.modules.values()):
        if not is_a(module, ModuleType):
            continue
        name = getattr(module, "__name__", "")
        if name.split(".")[0] == "greenrt" or name in _BENEATH:
            continue
        for key, value in list(vars(module).items()):
            kind = type(value)
            pair = swept.get(id(value))
            if pair is not None and pair[0] is value:
                setattr(module, key, pair[1])
            elif kind is FunctionType:
                if value.__module__ == name:
                    _sweep_defaults(value, swept)
            elif issubclass(kind, type) and value.__module__ == name:
                _sweep_class(value, swept, missed)
    return missed


def _sweep_class(kind: type, swept: Pairs, missed: list[str]) -> None:
    for key, value in list(vars(kind).items()):
        kind_of_value = type(value)
        if kind_of_value is FunctionType:
            _sweep_defaults(value, swept)
        elif kind_of_value is dict:
            _sweep_registry(value, swept)
        pair = swept.get(id(value))
        if pair is None or pair[0] is not value:
            continue
        try:
            setattr(kind, key, pair[1])
        except TypeError:
            missed.append(f"not reached: {kind.__module__}.{kind.__qualname__}.{key}, of an immutable class")


def _sweep_registry(registry: dict[Any, Any], swept: Pairs) -> None:
    """Rebind the copies in a class's dict and in its tuples, as in the registry of multiprocessing's managers."""
    for key, value in list(registry.items()):
        if type(value) is tuple and any(id(part) in swept for part in value):
            registry[key] = tuple(_current(part, swept) for part in value)
        elif id(value) in swept:
            registry[key] = _current(value, swept)


def _current(value: Any, swept: Pairs) -> Any:
    """Return the replacement of the value, or the value itself."""
    pair = swept.get(id(value))
    return pair[1] if pair is not None and pair[0] is value else value


def _sweep_defaults(function: FunctionType, swept: Pairs) -> None:
    """Rebind the copies among a function's default values (``def send(data, write=os.write)``)."""
    if function.__defaults__ and any(id(value) in swept for value in function.__defaults__):
        function.__defaults__ = tuple(_current(value, swept) for value in function.__defaults__)
    named = function.__kwdefaults__
    if named:
        named.update({key: _current(value, swept) for key, value in named.items()})


def left(saved: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return descriptions of the places that still hold functions among `saved`, the replaced objects; these block.

    The places are containers, instances, closures and partials: their makers may rely on the functions.
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
        if where.split(".")[0] not in _BENEATH
    ]
    return sorted(found)
