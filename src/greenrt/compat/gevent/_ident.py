"""Small numbers of objects."""

from greenrt._hub.report import ident_of
from greenrt._typing import Any

__all__ = ["IdentRegistry"]


class IdentRegistry:
    """Gives objects small numbers, which are used again after the objects' end. greenrt has one for all hubs."""

    def get_ident(self, obj: Any) -> int:
        """Return the number of `obj`: the smallest that no living object has."""
        return ident_of(obj)
