"""What twins share: which functions there are here, and how they take over what is Python in CPython."""

from types import FunctionType

from greenrt._typing import Any

__all__ = ["rebound", "standing"]


def standing(owner: Any, **functions: Any) -> dict[str, Any]:
    """Return those of `functions`, by name, that the standard module or class `owner` has in this Python."""
    return {name: function for name, function in functions.items() if hasattr(owner, name)}


def rebound(function: Any, namespace: dict[str, Any]) -> Any:
    """Return CPython's `function` over the globals of a twin module.

    The names it looks up that the twin lacks are copied there: globals are not asked for by a module's __getattr__.
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
