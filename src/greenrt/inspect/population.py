"""The greenlets and groups of the process, also those that gc.freeze() keeps from the garbage collector's lists."""

from collections.abc import Callable
from dataclasses import dataclass

from greenlet import greenlet

from greenrt._bare import parent_of
from greenrt._freeze import hidden_objects
from greenrt._hub.current_hub import threads_with_hub
from greenrt._hub.frozen import frozen_instances
from greenrt._hub.parked_greenlets import counted_parks
from greenrt._hub.report import instances_of
from greenrt._typing import Any
from greenrt.inspect.references import References
from greenrt.inspect.waits import groups_among
from greenrt.sync.group import Group

__all__ = ["Population", "find", "with_mains"]


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
        found = [*frozen_instances((greenlet, Group), found, check, references.drop), *found]
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
    """Return how many of these greenlets are in a wait that a hub counts."""
    return len(counted_parks(targets, list(threads_with_hub.values())))


def with_mains(targets: list[Any]) -> list[Any]:
    """Return the main greenlets of the threads with a hub, which the collector may not know, and `targets`."""
    mains = [parent_of(hub) for hub in list(threads_with_hub.values())]
    # By id: the program's greenlets may have an `__eq__` and a `__hash__` of their own.
    return list({id(target): target for target in (*mains, *targets)}.values())
