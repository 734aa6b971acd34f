"""The fields of the plain twins' classes, which start as None there since compiled classes' fields do."""

from functools import cache
from typing import Any

__all__ = ["blank"]


@cache
def _names(kind: type) -> tuple[str, ...]:
    names = [name for base in kind.__mro__ for name in getattr(base, "__slots__", ())]
    return tuple(name for name in names if name not in ("__weakref__", "__dict__"))


def blank(thing: Any) -> None:
    """Set every slot of a new object to None."""
    for name in _names(type(thing)):
        setattr(thing, name, None)
