"""What a blocked program reports: its greenlets, what each waits for, and the small numbers in their names."""

import gc
import heapq
from weakref import WeakKeyDictionary, ref

from greenlet import greenlet

from greenrt import _original
from greenrt._hub.park import Park, parked
from greenrt._render import render
from greenrt._typing import Any

__all__ = ["all_greenlets", "ident_of", "parked_greenlets", "parks_of", "render_parked", "render_wait"]

_numbers: "WeakKeyDictionary[Any, int]" = WeakKeyDictionary()
_free: list[int] = []
# Holds the weak references whose death gives a number back.
_watched: dict[int, Any] = {}
_lock = _original.RLock()


def all_greenlets() -> list[greenlet]:
    """Return all greenlets of the process. Found by walking the garbage collector's objects: others pay nothing."""
    # Not isinstance: it asks objects for their class, which proxies answer with code of their own, and each
    # thread-local by making a dictionary for this thread.
    return [thing for thing in gc.get_objects() if issubclass(type(thing), greenlet)]


def parks_of(hub: Any) -> list[Park]:
    """Return the parks in which greenlets of `hub`'s thread are; some may have ended."""
    parks = [parked(target) for target in all_greenlets()]
    return [park for park in parks if park is not None and park.hub is hub]


def parked_greenlets(hub: Any) -> list[Park]:
    """Return the parks of all greenlets that are suspended in `hub`'s thread."""
    found = [park for park in parks_of(hub) if park.waiting]
    found.sort(key=lambda park: park.greenlet is not hub.parent)
    return found


def render_wait(what: Any) -> str:
    """Return a line of text for what a park waits on."""
    if isinstance(what, tuple) and what and isinstance(what[0], str):
        return what[0].format(*map(_Rendered, what[1:]))
    return render(what)


class _Rendered:
    """Stands for an object in a format, which asks for its repr()."""

    __slots__ = ("thing",)

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __repr__(self) -> str:
        return render(self.thing)


def render_parked(hub: Any) -> list[str]:
    """Return a line for each parked greenlet: its name, what it waits for, where it was spawned."""
    return [_render(hub, park) for park in parked_greenlets(hub)]


def _render(hub: Any, park: Park) -> str:
    target = park.greenlet
    site = getattr(target, "spawned_at", None)
    name = "the main greenlet" if target is hub.parent else render(target)
    return f"{name} waits on {render_wait(park.what)}" + (f"; spawned at {site}" if site else "")


def ident_of(thing: Any) -> int:
    """Return the number of `thing`: the smallest that no other living thing has, kept until its death."""
    with _lock:
        number = _numbers.get(thing)
        if number is None:
            number = heapq.heappop(_free) if _free else len(_numbers)
            _numbers[thing] = number

            def give_back(_: Any, number: int = number) -> None:
                with _lock:
                    _watched.pop(number, None)
                    heapq.heappush(_free, number)

            _watched[number] = ref(thing, give_back)
        return number
