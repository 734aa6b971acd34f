"""Text for reports and messages, whatever the reprs of the program's objects do."""

from collections.abc import Callable
from types import CodeType

from greenrt._typing import Any

__all__ = ["render", "render_call", "render_site"]

# Of one argument, in characters.
LONGEST_ARGUMENT = 50


def render(value: Any) -> str:
    """Return ``repr(value)``, or text that says what that raised. A KeyboardInterrupt passes."""
    try:
        return repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return f"<{type(value).__name__} object at {id(value):#x} whose repr() raised {type(error).__name__}>"


def render_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], whose: Any
) -> str:
    """Return ``function(arguments)``, each cut at 50 characters; bound methods of others than `whose` say so."""
    words = [_short(value) for value in args]
    words += [f"{key}={_short(value)}" for key, value in kwargs.items()]
    name = getattr(function, "__name__", None) or render(function)
    owner = getattr(function, "__self__", None)
    if owner is not None and owner is not whose:
        name = f"<bound method {type(owner).__name__}.{name} of {_short(owner)}>"
    return f"{name}({', '.join(words)})" if words else name


def _short(value: Any) -> str:
    text = render(value)
    return text if len(text) <= LONGEST_ARGUMENT else text[: LONGEST_ARGUMENT - 3] + "..."


def render_site(code: CodeType | None, offset: int) -> str:
    """Return ``file:line in function`` for an instruction offset (bytes) in `code`."""
    if code is None:
        return "unknown place"
    line: int | None = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end:
            line = number
            break
    return f"{code.co_filename}:{line} in {code.co_qualname}"
