"""Checks of arguments. An error names the argument and its value."""

from collections.abc import Iterable
from operator import index

from greenrt._typing import Any

__all__ = ["as_integer", "check_callable", "check_iterable"]


def as_integer(value: Any, name: str, least: int | None = None) -> int:
    """Return `value`, the argument `name`, as an int.

    Raises TypeError if it is not an integer, ValueError if it is below `least`.
    """
    try:
        number = index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {value!r}") from None
    if least is not None and number < least:
        raise ValueError(f"{name} must be at least {least}, not {value!r}")
    return number


def check_callable(value: Any, name: str, advice: str = "") -> None:
    """Raise TypeError if `value`, the argument `name`, is not callable. The text ends with `advice`."""
    if not callable(value):
        raise TypeError(f"{name} must be callable, not {value!r}{advice}")


def check_iterable(value: Any, name: str) -> Iterable[Any]:
    """Return `value`, the argument `name`; raise TypeError if it is not iterable."""
    # Some objects are iterable by __getitem__ alone.
    if not hasattr(value, "__iter__") and not hasattr(value, "__getitem__"):
        raise TypeError(f"{name} must be iterable, not {value!r}")
    iterable: Iterable[Any] = value
    return iterable
