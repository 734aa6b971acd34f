"""The greenlets and groups of the process, also those that gc.freeze() keeps from the garbage collector's lists."""

import gc
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from types import CodeType, NoneType

from greenlet import greenlet

from greenrt._freeze import hidden_objects
from greenrt._hub.current_hub import threads_with_hub
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.park import YIELD
from greenrt._hub.report import instances_of
from greenrt._native.switch import Fiber
from greenrt._typing import Any
from greenrt.inspect.bare import field, is_greenlet, parent_of, park_of
from greenrt.inspect.references import References
from greenrt.inspect.waits import groups_among
from greenrt.sync.group import Group

__all__ = ["Population", "find", "frozen_instances", "with_mains"]

# The references of so many objects are read at once: meanwhile no other thread runs.
STEP = 200
# The types of objects that refer to nothing of interest, and of which there are very many. By id, since the metaclass
# of other types may have a `__hash__`.
_LEAVES = frozenset(map(id, (str, bytes, int, float, NoneType, CodeType)))


@dataclass(frozen=True, slots=True)
class Population:
    """The greenlets and groups that were found.

    Attributes:
    targets: the greenlets, hubs included.
    groups: the groups and pools.
    frozen: how many objects gc.freeze() hides from the lists of the garbage collector.
    missing: about how many parked greenlets were not found among those.
    """

    targets: list[Any]
    groups: list[Group]
    frozen: int
    missing: int


def find(references: References, check: Callable[[], object] = int) -> Population:
    """Return the greenlets and groups of the process. Any thread may call this; it runs no code of the program.

    references: what keeps them, and gives up other references that the search has taken.
    check: called between the steps of a long search; its exception ends the work.
    """
    frozen = hidden_objects()
    before = _parked()
    found = instances_of(greenlet, Group, drop=references.drop)
    if frozen:
        # They are older than all others.
        found = [*_frozen_instances((greenlet, Group), found, references, check), *found]
    references.kept += found
    targets = with_mains([each for each in found if issubclass(type(each), greenlet)])
    missing = 0
    if frozen:
        # Other threads may park greenlets meanwhile.
        known = _counted(targets)
        missing = max(0, min(before, _parked()) - known)
    return Population(targets, groups_among(found), frozen, missing)


def _parked() -> int:
    """Return how many waits the hubs count."""
    return sum(hub._parked for hub in list(threads_with_hub.values()))


def _counted(targets: list[Any]) -> int:
    """Return how many of these greenlets are in a wait that a hub counts. Yields are not counted."""
    hubs = set(map(id, list(threads_with_hub.values())))
    parks = map(park_of, targets)
    return sum(park is not None and park.what is not YIELD and id(park.hub) in hubs for park in parks)


def with_mains(targets: list[Any]) -> list[Any]:
    """Return the main greenlets of the threads with a hub, which the collector may not know, and `targets`."""
    mains = [parent_of(hub) for hub in list(threads_with_hub.values())]
    # By id: the program's greenlets may have an `__eq__` and a `__hash__` of their own.
    return list({id(target): target for target in (*mains, *targets)}.values())


def frozen_instances(
    kinds: tuple[type, ...], known: Iterable[Any] = (), check: Callable[[], object] = int
) -> list[Any]:
    """Return the objects of these classes to which references lead, without those that are `known`.

    The collector lists no objects that gc.freeze() has moved to its permanent generation. So this goes from the
    modules, the loops and what is known along the references. It finds no object to which only local variables of
    functions lead: these variables can't be read without a change to the frames, until CPython 3.12.
    """
    references = References()
    try:
        return _frozen_instances(kinds, known, references, check)
    finally:
        references.end()


def _frozen_instances(
    kinds: tuple[type, ...], known: Iterable[Any], references: References, check: Callable[[], object]
) -> list[Any]:
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
            references.drop(links)
            references.drop(some)
            check()
    finally:
        references.drop(pending)
    return found


def _referents(objects: list[Any]) -> dict[int, Any]:
    """Return what these objects refer to, by id."""
    greenlets = [_references_of(each) for each in objects if issubclass(type(each), greenlet)]
    everything = chain(gc.get_referents(*objects), *greenlets)
    return {id(each): each for each in everything if id(type(each)) not in _LEAVES}


def _references_of(target: Any) -> list[Any]:
    """Return what a greenlet refers to. The collector sees nothing in one that is suspended."""
    references = [park_of(target), parent_of(target), field(target, "__dict__")]
    if issubclass(type(target), Fiber):
        references += (field(target, "_latch"), field(target, "_locals"))
    if is_greenlet(target):
        # A subclass may have properties of these names, which would run.
        args, kwargs = Greenlet.args.__get__(target), Greenlet.kwargs.__get__(target)
        references += (field(target, "_function"), args, kwargs)
    return references
