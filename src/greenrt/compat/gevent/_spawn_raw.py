"""gevent.spawn_raw: a raw greenlet that knows its spawning, as a Greenlet does."""

from collections.abc import Callable

import greenrt._hub.raw_greenlet
from greenrt._hub.raw_greenlet import RawGreenlet
from greenrt._hub.spawn_tree import Origin
from greenrt._typing import Any, ParamSpec
from greenrt.compat.gevent._config import config

__all__ = ["spawn_raw"]

P = ParamSpec("P")


def spawn_raw(function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> RawGreenlet:
    """Schedule ``function(*args, **kwargs)`` in a new greenlet without join and links; return the greenlet.

    Unless `config.track_greenlet_tree` is off, it has the attributes `spawning_greenlet` and `spawn_tree_locals`.
    Raises TypeError if `function` is not callable.
    """
    made = greenrt._hub.raw_greenlet.spawn_raw(function, *args, **kwargs)
    if config.track_greenlet_tree:
        origin = Origin()
        raw: Any = made
        raw.spawning_greenlet = origin.greenlet
        raw.spawn_tree_locals = origin.locals
    return made
