"""The entry points by which other packages subscribe to gevent's events."""

import functools
from collections.abc import Callable

from greenrt._typing import Any
from greenrt.monkey.subscribers import some_package_has

__all__ = ["entry_points_of"]


def entry_points_of(group: str) -> list[Callable[[Any], object]]:
    """Return the loaded entry points of a group. Their errors propagate, as in gevent.

    gevent, if it is installed too, has entry points of its own: functions that patch, which greenrt does itself.
    """
    if not _any():
        return []
    from importlib.metadata import entry_points

    return [point.load() for point in entry_points(group=group) if not _is_gevent(point.module)]


def _is_gevent(module: str) -> bool:
    return module.partition(".")[0] == "gevent"


@functools.cache
def _any() -> bool:
    return some_package_has(b"[gevent.plugins.")
