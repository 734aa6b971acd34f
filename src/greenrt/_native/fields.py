"""The initial value of the fields of plain twins: None, as in compiled classes."""

from greenrt._typing import Any

__all__ = ["blank"]


_known: dict[type, tuple[str, ...]] = {}


def _names(kind: type) -> tuple[str, ...]:
    names = [name for base in kind.__mro__ for name in getattr(base, "__slots__", ())]
    found = _known[kind] = tuple(name for name in names if name not in ("__weakref__", "__dict__"))
    return found


def blank(thing: Any) -> None:
    """Set every slot of the new object `thing` to None."""
    kind = type(thing)
    for name in _known.get(kind) or _names(kind):
        setattr(thing, name, None)
