"""The entry points by which other packages subscribe to gevent's events."""

import functools
from collections.abc import Callable

from greenrt._typing import Any
from greenrt.monkey.subscribers import some_package_has

__all__ = ["entry_points_of"]


def entry_points_of(group: str) -> list[Callable[[Any], object]]:
    """Return the loaded entry points of a group. Their errors propagate, as in gevent."""
    if not _any():
        return []
    from importlib.metadata import entry_points

    return [point.load() for point in entry_points(group=group)]


@functools.cache
def _any() -> bool:
    return some_package_has(b"[gevent.plugins.")
