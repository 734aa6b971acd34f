"""Find the copies that other modules made of replaced objects; rebind or report them.

All modules and classes of the program are looked at, without running its code where that is possible: see
`attributes`. What an odd object raises all the same costs only that object's copies.
"""

import sys
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType

from greenrt.monkey.attributes import (
    is_a,
    set_on_class,
    text_of_key,
    type_name,
)
from greenrt.monkey.references import places

from greenrt._bare import fields_of, module_namespace
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
        namespace = module_namespace(module)
        name = namespace.get("__name__")
        if type(name) is not str:
            # No function and no class says that it is of this module.
            name = "?"
        elif name.split(".")[0] == "greenrt" or name in _BENEATH:
            continue
        for key, value in list(namespace.items()):
            kind = type(value)
            pair = swept.get(id(value))
            try:
                if pair is not None and pair[0] is value:
                    namespace[key] = pair[1]
                elif kind is FunctionType:
                    home = value.__module__
                    if type(home) is str and home == name:
                        _sweep_defaults(value, swept)
                elif issubclass(kind, type):
                    fields = fields_of(value)
                    home = fields.get("__module__")
                    if type(home) is str and home == name:
                        _sweep_class(value, fields, swept, missed)
            except Exception as error:
                missed.append(_failure(f"{name}.{text_of_key(key)}", error))
    return missed


def _sweep_class(kind: type, fields: Mapping[Any, Any], swept: Pairs, missed: list[str]) -> None:
    for key, value in list(fields.items()):
        kind_of_value = type(value)
        try:
            if kind_of_value is FunctionType:
                _sweep_defaults(value, swept)
            elif kind_of_value is dict:
                _sweep_registry(value, swept)
            pair = swept.get(id(value))
            if pair is not None and pair[0] is value:
                set_on_class(kind, key, pair[1])
        except Exception as error:
            missed.append(_failure(f"{type_name(kind)}.{text_of_key(key)}", error))


def _failure(place: str, error: Exception) -> str:
    return f"not reached: {place}: setting it raised {type_name(type(error))}"


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
            kind = type(function)
            if (kind is BuiltinFunctionType or kind is FunctionType) and not name.startswith("_"):
                names.setdefault(id(function), f"{module}.{name}")
                functions.append(function)
    found = [
        f"not reached: {names[id(function)]}: {where}"
        for function, where, _ in places(functions, apart=list(saved.values()))
        # Methods of the functions, such as `time.sleep.__reduce__`, are found too. They never wait.
        if id(function) in names and where.split(".")[0] not in _BENEATH
    ]
    return sorted(found)
