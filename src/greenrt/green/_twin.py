"""Helpers of the twins: the functions that this Python has, and CPython's Python functions over a twin's globals."""

from types import FunctionType

from greenrt._typing import Any

__all__ = ["rebound", "standing"]


def standing(owner: Any, **functions: Any) -> dict[str, Any]:
    """Return the `functions`, by name, that the standard module or class `owner` has in this Python."""
    return {name: function for name, function in functions.items() if hasattr(owner, name)}


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
