"""What reports are made of: the objects of a class, texts for waits, and the small numbers in names of greenlets."""

import gc
import heapq
from collections.abc import Callable
from weakref import ref

from greenlet import greenlet

from greenrt import _original
from greenrt._render import render
from greenrt._typing import Any

__all__ = [
    "all_greenlets",
    "ident_of",
    "instances_of",
    "known_ident_of",
    "render_wait",
]

# By id: the program's objects may not be hashable, or may be equal.
_numbers: dict[int, int] = {}
_free: list[int] = []
# Keeps the weak references alive whose callbacks free the numbers.
_watched: dict[int, Any] = {}
_lock = _original.RLock()


def instances_of(*kinds: type, drop: Callable[[list[Any]], object] = list.clear) -> list[Any]:
    """Return all objects of these classes that the garbage collector knows, about in the order of their creation.

    So the objects need no registration, which would cost time.

    drop: called with each list of the collector's objects, to empty it. The program may have dropped its references
        to some meanwhile.
    """
    # isinstance would read the attribute `__class__` of each object. A proxy would run its own code then, and each
    # thread-local would make a dictionary for this thread. The youngest generation comes first, since an object that
    # a collection moves meanwhile becomes older. The collector's lists are not kept: they may contain what would
    # refer to them, which would be cycles.
    parts = []
    for generation in range(3):
        things = gc.get_objects(generation)
        parts.append([thing for thing in things if issubclass(type(thing), kinds)])
        drop(things)
    return list({id(thing): thing for part in reversed(parts) for thing in part}.values())


def all_greenlets() -> list[greenlet]:
    """Return all greenlets that the garbage collector knows: those of the process, but for what gc.freeze() hides."""
    return instances_of(greenlet)


def render_wait(what: Any) -> str:
    """Return a line of text for `what`, the object or tuple that a park waits on."""
    # isinstance might read the `__class__` of an object of the program.
    if type(what) is tuple and what and type(what[0]) is str:
        return what[0].format(*map(_Rendered, what[1:]))
    return render(what)


class _Rendered:
    """Stands for an object in a format string, so that its repr() is the object's rendering."""

    __slots__ = ("thing",)

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __repr__(self) -> str:
        return render(self.thing)


def known_ident_of(thing: Any) -> int | None:
    """Return the number of `thing`, or None if it has none yet."""
    return _numbers.get(id(thing))


def ident_of(thing: Any) -> int:
    """Return the number of `thing`: the smallest that no other living object has. It stays until the object dies."""
    key = id(thing)
    with _lock:
        number = _numbers.get(key)
        if number is None:
            number = heapq.heappop(_free) if _free else len(_numbers)
            _numbers[key] = number

            def give_back(_: Any, key: int = key, number: int = number) -> None:
                with _lock:
                    del _numbers[key]
                    _watched.pop(number, None)
                    heapq.heappush(_free, number)

            _watched[number] = ref(thing, give_back)
        return number
