"""Text for reports and messages that does not depend on the program's ``__repr__`` methods."""

from collections.abc import Callable
from types import CodeType, FrameType

from greenrt._typing import Any

__all__ = ["int_text", "is_own_frame", "module_of_frame", "printable", "render", "render_call", "render_site"]

# The longest text of one argument, in characters.
LONGEST_ARGUMENT = 50
# The largest int whose digits are shown, in bits: so many have 39 digits. CPython refuses some thousands.
BITS = 128


def render(value: Any) -> str:
    """Return ``repr(value)``, or text that names the exception which it raised. A KeyboardInterrupt propagates."""
    try:
        return repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return f"<{type(value).__name__} object at {id(value):#x} whose repr() raised {type(error).__name__}>"


def int_text(value: int) -> str:
    """Return a text for an int; for a large one, its size in bits."""
    return repr(value) if value.bit_length() <= BITS else f"<int of {value.bit_length()} bits>"


def render_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], owner: Any
) -> str:
    """Return text such as ``function(1, key=2)``, with each argument cut at 50 characters.

    owner: for a method that is bound to another object, the text names that object too.
    """
    words = [_short(value) for value in args]
    words += [f"{key}={_short(value)}" for key, value in kwargs.items()]
    name = getattr(function, "__name__", None) or render(function)
    bound_to = getattr(function, "__self__", None)
    if bound_to is not None and bound_to is not owner:
        name = f"<bound method {type(bound_to).__name__}.{name} of {_short(bound_to)}>"
    return f"{name}({', '.join(words)})" if words else name


def _short(value: Any) -> str:
    text = render(value)
    return text if len(text) <= LONGEST_ARGUMENT else text[: LONGEST_ARGUMENT - 3] + "..."


def render_site(code: CodeType | None, offset: int) -> str:
    """Return ``file:line in function`` for an instruction offset in `code` (bytes); "unknown place" for None."""
    if code is None:
        return "unknown place"
    line: int | None = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end:
            line = number
            break
    # The program may have compiled the code with texts of a class of its own.
    return f"{str.__str__(code.co_filename)}:{line} in {str.__str__(code.co_qualname)}"


def printable(line: str) -> str:
    """Return a line with escapes for the characters that would begin another one, or command a terminal."""
    if line.isprintable():
        return line
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


def is_own_frame(frame: FrameType) -> bool:
    """Return whether a frame runs code of greenrt."""
    return module_of_frame(frame).startswith("greenrt.")


def module_of_frame(frame: FrameType) -> str:
    """Return the name of the module whose code a frame runs, or "". Runs no code of the program."""
    # The program may have set ``__name__`` to anything, and run code with a dict of its own class as the globals.
    name = dict.get(frame.f_globals, "__name__")
    return name if type(name) is str else ""
