"""Greenlets that do the same, as the text of a dump shows them: what they share, and details of a few."""

from collections.abc import Iterable
from dataclasses import dataclass

from greenrt.inspect.records import Record, Recorder
from greenrt.inspect.sightings import Sighting
from greenrt.inspect.waits import shown_name

__all__ = ["SHOWN", "GreenletGroup", "grouped"]

# Of how many members a group has the names and requests.
SHOWN = 5

_Key = tuple[str, str, str, int, str, int]


@dataclass(slots=True)
class GreenletGroup:
    """Greenlets of one thread with the same state, function, kind of wait, stack and place of spawning.

    Attributes:
    first: the record of one of them.
    size: how many there are.
    names, requests: the names of the first few, and the first few of the `answered` requests.
    answered: how many of them answer an HTTP request.
    left: the longest time in seconds until a wait ends by itself, None if none has a limit.
    mixed: whether they wait for several objects.
    """

    first: Record
    names: list[str]
    requests: list[str]
    answered: int = 0
    size: int = 0
    left: float | None = None
    mixed: bool = False

    def add(self, seen: Sighting) -> None:
        """Add a greenlet that was sighted just before."""
        self.size += 1
        if self.size <= SHOWN:
            self.names.append(shown_name(seen.target))
        if seen.left is not None and (self.left is None or seen.left > self.left):
            self.left = seen.left
        if seen.waits_on != self.first.waits_on:
            self.mixed = True
        if seen.request:
            self.answered += 1
            if self.answered <= SHOWN:
                self.requests.append(seen.request)


def grouped(sightings: Iterable[Sighting], recorder: Recorder) -> list[GreenletGroup]:
    """Return the groups of what is sighted. Texts of names and arguments are made for a few of each group only."""
    groups: dict[_Key, GreenletGroup] = {}
    for seen in sightings:
        key = (
            seen.state,
            seen.function,
            _kind(seen.waits_on),
            # Equal stacks are one object, which the group keeps. To compare them would take most of the time.
            id(seen.stack),
            seen.spawned_at,
            seen.thread,
        )
        group = groups.get(key)
        if group is None:
            group = groups[key] = GreenletGroup(recorder.record(seen), [], [])
        group.add(seen)
    return list(groups.values())


def _kind(waits_on: str) -> str:
    """Return what is the same for equal waits: the address and the fd of an object are not."""
    return waits_on.partition(" at 0x")[0].partition(" fd=")[0]
