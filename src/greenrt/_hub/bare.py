"""The kind and the end of a greenlet, past the properties of the program's subclasses."""

from collections.abc import Callable

from greenlet import greenlet

from greenrt._hub.greenlet import Greenlet
from greenrt._typing import Any

__all__ = ["has_ended", "is_greenlet"]

_ended: Callable[[Any], bool] = vars(Greenlet)["dead"].__get__
_dead: Callable[[Any], bool] = vars(greenlet)["dead"].__get__


def is_greenlet(target: Any) -> bool:
    """Return whether `target` is a Greenlet, and not a raw greenlet. isinstance might read its ``__class__``."""
    return issubclass(type(target), Greenlet)


def has_ended(target: Any) -> bool:
    """Return whether any greenlet is dead."""
    return _ended(target) if is_greenlet(target) else _dead(target)
