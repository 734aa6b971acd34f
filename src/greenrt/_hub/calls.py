"""How a call is shown in a repr."""

from collections.abc import Callable

from greenrt._typing import Any

__all__ = ["render_call"]


def render_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], whose: Any
) -> str:
    """Return ``function(arguments)``, each cut at 50 characters; bound methods of others than `whose` say so."""
    words = [_short(value) for value in args]
    words += [f"{key}={_short(value)}" for key, value in kwargs.items()]
    name = getattr(function, "__name__", None) or repr(function)
    owner = getattr(function, "__self__", None)
    if owner is not None and owner is not whose:
        name = f"<bound method {type(owner).__name__}.{name} of {_short(owner)}>"
    return f"{name}({', '.join(words)})" if words else name


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:
        # Of the user's, or one that comes back to this very call. The report of a hang must not fail for it.
        text = f"<{type(value).__name__} whose repr() raised {type(error).__name__}>"
    return text if len(text) <= 50 else text[:47] + "..."
