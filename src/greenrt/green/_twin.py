"""Helpers of the twins: names of this Python, CPython functions over a twin's globals, methods to replace."""

from collections.abc import Mapping
from contextlib import suppress
from types import FunctionType, ModuleType

from greenrt._typing import Any

__all__ = ["public_names", "rebound", "set_methods", "supported"]


def supported(owner: Any, **functions: Any) -> dict[str, Any]:
    """Return the `functions`, by name, that the standard module or class `owner` has in this Python."""
    return {name: function for name, function in functions.items() if hasattr(owner, name)}


def public_names(module: ModuleType) -> list[str]:
    """Return the public names of a standard module: its ``__all__``, or without one the names that it defines.

    A module without ``__all__`` also has names that it only imports, such as `os` in `ssl`. These are left out.
    """
    exported: list[str] | None = getattr(module, "__all__", None)
    if exported is not None:
        return list(exported)
    # Many modules are Python code over a C module whose name begins with an underscore. OSError has other names.
    homes = {None, "builtins", module.__name__, f"_{module.__name__}"}
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and getattr(value, "__module__", None) in homes
    ]


def rebound(function: Any, namespace: dict[str, Any]) -> Any:
    """Return CPython's `function` over the globals of a twin module.

    Names that the function looks up and the twin lacks are copied to the twin: a module's __getattr__ is not called
    for globals.
    """
    home = function.__globals__
    for name in function.__code__.co_names:
        if name in home:
            namespace.setdefault(name, home[name])
    made = FunctionType(
        function.__code__, namespace, function.__name__, function.__defaults__, function.__closure__
    )
    made.__kwdefaults__ = function.__kwdefaults__
    made.__doc__ = function.__doc__
    made.__module__ = namespace["__name__"]
    return made


def set_methods(kind: Any, methods: Mapping[str, Any]) -> None:
    """Replace methods of the class `kind`, and give the functions their names where they can be renamed."""
    for method, function in methods.items():
        names = {
            "__module__": kind.__module__,
            "__name__": method,
            "__qualname__": f"{kind.__qualname__}.{method}",
        }
        for attribute, name in names.items():
            with suppress(AttributeError, TypeError):
                setattr(function, attribute, name)
        setattr(kind, method, function)
