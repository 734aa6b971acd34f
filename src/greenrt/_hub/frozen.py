"""The search for objects that gc.freeze() hides from the lists of the garbage collector."""

import gc
import sys
from collections.abc import Callable, Iterable
from itertools import chain
from types import CodeType, NoneType

from greenlet import greenlet

from greenrt._bare import parent_of
from greenrt._hub.bare import args_of, function_of, is_greenlet, kwargs_of, latch_of, locals_of
from greenrt._hub.current_hub import threads_with_hub
from greenrt._hub.park import parked
from greenrt._native.switch import Fiber, namespace_of
from greenrt._typing import Any

__all__ = ["frozen_instances"]

# The references of so many objects are read at once: meanwhile no other thread runs.
STEP = 200
# The types of objects that refer to nothing of interest, and of which there are very many. By id, since the metaclass
# of other types may have a `__hash__`.
_LEAVES = frozenset(map(id, (str, bytes, int, float, NoneType, CodeType)))


def frozen_instances(
    kinds: tuple[type, ...],
    known: Iterable[Any] = (),
    check: Callable[[], object] = int,
    drop: Callable[[list[Any]], object] = list.clear,
) -> list[Any]:
    """Return the objects of these classes to which references lead, without those that are `known`.

    The collector lists no objects that gc.freeze() has moved to its permanent generation. So this goes from the
    modules, the loops and what is known along the references. It finds no object to which only local variables of
    functions lead: these variables can't be read without a change to the frames, until CPython 3.12. From 3.15 on,
    greenlet shows the collector those of suspended greenlets, and the search finds what these lead to.

    check: called between the steps of a long search; its exception ends the work.
    drop: called with each list of what was looked at, to empty it. The program may have dropped its references to
        some meanwhile.
    """
    pending: list[Any] = [sys.modules, *(hub.loop for hub in list(threads_with_hub.values())), *known]
    seen = set(map(id, pending))
    found: list[Any] = []
    try:
        while pending:
            some = pending[-STEP:]
            del pending[-STEP:]
            around = _referents(some)
            each = None
            for number, each in around.items():
                if number not in seen:
                    seen.add(number)
                    pending.append(each)
                    if issubclass(type(each), kinds):
                        found.append(each)
            links = list(around.values())
            # The lists that are dropped must have the only references that are here, beside those in `pending`.
            del each, around
            drop(links)
            drop(some)
            check()
    finally:
        drop(pending)
    return found


def _referents(objects: list[Any]) -> dict[int, Any]:
    """Return what these objects refer to, by id."""
    greenlets = [_references_of(each) for each in objects if issubclass(type(each), greenlet)]
    everything = chain(gc.get_referents(*objects), *greenlets)
    return {id(each): each for each in everything if id(type(each)) not in _LEAVES}


def _references_of(target: Any) -> list[Any]:
    """Return what a greenlet refers to. The collector sees nothing in one that is suspended."""
    references = [parked(target), parent_of(target), namespace_of(target)]
    if issubclass(type(target), Fiber):
        references += (latch_of(target), locals_of(target))
    if is_greenlet(target):
        references += (function_of(target), args_of(target), kwargs_of(target))
    return references
