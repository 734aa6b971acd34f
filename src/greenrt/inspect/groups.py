"""Greenlets that do the same, as the text of a dump shows them: what they share, and details of a few."""

from collections.abc import Iterable
from dataclasses import dataclass

from greenrt._typing import Any
from greenrt.inspect.records import Record, Recorder
from greenrt.inspect.sightings import Sighting
from greenrt.inspect.waits import Waits, shown_name

__all__ = ["SHOWN", "GreenletGroup", "grouped"]

# How many members' names and requests a group keeps.
SHOWN = 5

_Key = tuple[str, str, str, int, str, int]


@dataclass(slots=True)
class GreenletGroup:
    """Greenlets of one thread with the same state, function, kind of wait, stack and place of spawning.

    Attributes:
    first: the record of one of them, and `what`, the object that its park waits on, while members are added.
    size: how many there are.
    names, requests: the names of the first few, and the first few of the `answered` requests.
    answered: how many of them answer an HTTP request.
    left: the longest time in seconds until a wait ends by itself, None if none has a limit.
    mixed: whether the texts of what they wait on differ.
    """

    first: Record
    what: Any
    names: list[str]
    requests: list[str]
    answered: int = 0
    size: int = 0
    left: float | None = None
    mixed: bool = False

    def add(self, seen: Sighting, waits: Waits) -> None:
        """Add a greenlet that was sighted just before."""
        self.size += 1
        if self.size <= SHOWN:
            self.names.append(shown_name(seen.target))
        if seen.left is not None and (self.left is None or seen.left > self.left):
            self.left = seen.left
        wait = seen.wait
        if wait is not None and not self.mixed and wait.what is not self.what:
            self.mixed = waits.text(wait, seen.frame) != self.first.waits_on
        if seen.request:
            self.answered += 1
            if self.answered <= SHOWN:
                self.requests.append(seen.request)


def grouped(sightings: Iterable[Sighting], recorder: Recorder) -> list[GreenletGroup]:
    """Return the groups of what is sighted. Texts of names and arguments are made for a few of each group only."""
    waits = recorder.waits
    groups: dict[_Key, GreenletGroup] = {}
    for seen in sightings:
        wait = seen.wait
        key = (
            seen.state,
            seen.function,
            "" if wait is None else waits.kind(wait, seen.frame),
            # Equal stacks are one object, which the group keeps. To compare them would take most of the time.
            id(seen.stack),
            seen.spawned_at,
            seen.thread,
        )
        group = groups.get(key)
        if group is None:
            what = None if wait is None else wait.what
            group = groups[key] = GreenletGroup(recorder.record(seen), what, [], [])
        group.add(seen, waits)
    for group in groups.values():
        # What keeps the objects of the program may end before the groups do.
        group.what = None
    return list(groups.values())
