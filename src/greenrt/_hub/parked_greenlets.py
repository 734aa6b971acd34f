"""The greenlets that a hub has to find: for the report of a blocked program, at its end, and if a wake was lost.

Greenlets need no registration, which would cost time: the garbage collector lists them. It does not list those that
gc.freeze() hides; to these lead references, but for those that only the local variables of functions hold.
"""

import gc
from collections.abc import Iterable

from greenlet import greenlet

from greenrt._freeze import hidden_objects
from greenrt._hub.bare import site_of
from greenrt._hub.park import YIELD, Park, parked
from greenrt._hub.report import all_greenlets, render_wait
from greenrt._native.ring import Ring
from greenrt._render import render
from greenrt._typing import Any

__all__ = ["counted_parks", "greenlets_around", "parked_greenlets", "parks_of", "render_parked"]


def greenlets_around(hub: Any) -> list[greenlet]:
    """Return all greenlets that the collector lists, and the parked and queued ones of `hub` that gc.freeze() hides.

    The search along references takes about a second for each million objects. So it is made only if parked greenlets
    are missing. Only the hub's thread may call this.
    """
    found = all_greenlets()
    if hidden_objects():
        # By id: the program's greenlets may have an `__eq__` and a `__hash__` of their own.
        found = list({id(each): each for each in (hub.parent, hub, *_queued(hub), *found)}.values())
        if _missing(hub, counted_parks(found, (hub,))):
            # Imported here because few programs need it.
            from greenrt._hub.frozen import frozen_instances

            # They are older than all others.
            found = [*frozen_instances((greenlet,), [*found, hub.loop]), *found]
    return found


def _queued(hub: Any) -> list[Any]:
    """Return the greenlets in the run queue of `hub`: its entries, and what these refer to."""
    entries: list[Any] = []
    containers: list[Any] = [hub.loop.ready]
    while containers:
        parts = gc.get_referents(*containers)
        # A queue keeps its entries in a list, or in another queue.
        containers = [each for each in parts if issubclass(type(each), (Ring, list, dict))]
        entries += parts
    return [each for each in (*entries, *gc.get_referents(*entries)) if issubclass(type(each), greenlet)]


def counted_parks(targets: Iterable[Any], hubs: Iterable[Any]) -> list[Park]:
    """Return those parks of greenlets that one of `hubs` counts as parked. No hub counts yields."""
    # By id: hashing and comparing may be code of the program.
    counting = set(map(id, hubs))
    parks = map(parked, targets)
    return [
        park for park in parks if park is not None and park.what is not YIELD and id(park.hub) in counting
    ]


def _missing(hub: Any, parks: list[Park]) -> int:
    """Return how many of the parks that `hub` counts are not among `parks`."""
    parked_there: int = hub._parked
    return max(0, parked_there - len(parks))


def parks_of(hub: Any) -> list[Park]:
    """Return the parks of the greenlets of `hub`'s thread, without yields. Some of the parks may have ended."""
    return counted_parks(greenlets_around(hub), (hub,))


def _waiting(hub: Any, parks: list[Park]) -> list[Park]:
    waiting = [park for park in parks if park.waiting]
    waiting.sort(key=lambda park: park.greenlet is not hub.main)
    return waiting


def parked_greenlets(hub: Any) -> list[Park]:
    """Return the parks of all greenlets that are suspended in `hub`'s thread."""
    return _waiting(hub, parks_of(hub))


def render_parked(hub: Any) -> list[str]:
    """Return a line for each parked greenlet: its name, the object it waits on, and its place of spawning.

    If gc.freeze() hides greenlets that no search finds, one more line says about how many.
    """
    parks = parks_of(hub)
    lines = [_render(hub, park) for park in _waiting(hub, parks)]
    frozen = hidden_objects()
    missing = _missing(hub, parks) if frozen else 0
    if missing:
        lines.append(
            f"gc.freeze() hides {frozen} objects; parked greenlets to which only local variables lead, not shown: "
            f"about {missing}"
        )
    return lines


def _render(hub: Any, park: Park) -> str:
    target = park.greenlet
    site = site_of(target)
    name = "the main greenlet" if target is hub.parent else render(target)
    return f"{name} waits on {render_wait(park.what)}" + (f"; spawned at {site}" if site else "")
