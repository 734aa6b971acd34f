"""The search for objects that gc.freeze() hides from the lists of the garbage collector."""

import gc
import sys
from collections.abc import Callable, Iterable
from types import CodeType, NoneType

from greenlet import greenlet

from greenrt._hub.current_hub import threads_with_hub
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.park import parked
from greenrt._native.switch import Fiber
from greenrt._typing import Any

__all__ = ["frozen_instances"]

# The references of so many objects are read at once: meanwhile no other thread runs.
STEP = 200
# The types of objects that refer to nothing of interest, and of which there are very many. By id, since the metaclass
# of other types may have a `__hash__`.
_LEAVES = frozenset(map(id, (str, bytes, int, float, NoneType, CodeType)))


def frozen_instances(
    kinds: tuple[type, ...], known: Iterable[Any] = (), check: Callable[[], object] = int
) -> list[Any]:
    """Return the objects of these classes to which references lead, without those that are `known`.

    The collector lists no objects that gc.freeze() has moved to its permanent generation. So this goes from the
    modules, the loops and what is known along the references. It finds no object to which only local variables of
    functions lead: these variables can't be read without a change to the frames, until CPython 3.12.
    """
    reached: list[Any] = [sys.modules, *(hub.loop for hub in list(threads_with_hub.values())), *known]
    seen = set(map(id, reached))
    found = []
    while reached:
        level, reached = reached, []
        for start in range(0, len(level), STEP):
            some = level[start : start + STEP]
            referents = gc.get_referents(*some)
            for each in some:
                if issubclass(type(each), greenlet):
                    referents += _references_of(each)
            for each in referents:
                number = id(each)
                if number not in seen and id(type(each)) not in _LEAVES:
                    seen.add(number)
                    reached.append(each)
                    if issubclass(type(each), kinds):
                        found.append(each)
            check()
    return found


def _references_of(target: Any) -> list[Any]:
    """Return what a greenlet refers to. The collector sees nothing in one that is suspended."""
    references = [parked(target), target.parent, greenlet.__getattribute__(target, "__dict__")]
    if isinstance(target, Fiber):
        references += (target._latch, target._locals)
    if isinstance(target, Greenlet):
        # A subclass may have properties of these names, which would run.
        references += (target._function, Greenlet.args.__get__(target), Greenlet.kwargs.__get__(target))
    return references
