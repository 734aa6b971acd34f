"""Growth: which greenlets have become more between two calls, by the place where they were spawned."""

from dataclasses import dataclass
from time import monotonic
from weakref import ref

from greenlet import greenlet

from greenrt import _atfork, _original
from greenrt._hub.bare import has_ended, is_greenlet
from greenrt._hub.report import instances_of
from greenrt._typing import Any
from greenrt.inspect.places import Sites
from greenrt.inspect.references import References, look

__all__ = ["Growth", "growth"]

_lock = _original.RLock()
# The greenlets of the previous call by id, and when a call first saw each: they may have an `__eq__` and a
# `__hash__` of their own. And how many there were of each place.
_first_seen: dict[int, tuple[ref[Any], float]] = {}
_counts: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Growth:
    """The greenlets of one place.

    Attributes:
    spawned_at: the place where they were made.
    count: how many of them have not ended.
    grown: how many more these are than at the previous call; negative if they are fewer.
    stayed: how many of them were there at the previous call already.
    oldest: for how many seconds the oldest of them has been there, as far as calls have seen it.
    """

    spawned_at: str
    count: int
    grown: int
    stayed: int
    oldest: float

    def __str__(self) -> str:
        return f"{self.grown:+d} to {self.count}, {self.stayed} stayed, oldest {self.oldest:.0f} s: {self.spawned_at}"


def growth() -> list[Growth]:
    """Return where greenlets were made that have not ended, compared with the previous call; what grew most is first.

    A place whose greenlets become more from call to call, and stay, leaks greenlets. The first call has nothing to
    compare with: everything has grown. Greenlets that `gc.freeze` hides are left out. Any thread may call this. It
    takes longer the more objects there are.
    """
    return look(_growth)


def _growth(references: References) -> list[Growth]:
    with _lock:
        now = monotonic()
        sites = Sites()
        counts: dict[str, int] = {}
        stayed: dict[str, int] = {}
        oldest: dict[str, float] = {}
        seen = _first_seen.copy()
        _first_seen.clear()
        targets = instances_of(greenlet, drop=references.drop)
        references.kept += targets
        for target in targets:
            if not is_greenlet(target) or has_ended(target):
                continue
            place = sites.of(target)
            known = seen.get(id(target))
            first = known[1] if known is not None and known[0]() is target else now
            _first_seen[id(target)] = ref(target), first
            counts[place] = counts.get(place, 0) + 1
            stayed[place] = stayed.get(place, 0) + (first < now)
            oldest[place] = min(oldest.get(place, now), first)
        found = [
            Growth(
                place,
                counts.get(place, 0),
                counts.get(place, 0) - _counts.get(place, 0),
                stayed.get(place, 0),
                now - oldest.get(place, now),
            )
            for place in counts.keys() | _counts.keys()
        ]
        _counts.clear()
        _counts.update(counts)
    return sorted(found, key=lambda each: (-each.grown, -each.count, each.spawned_at))


_atfork.register(_atfork.LOCKS, lambda: _original.renew_lock(_lock))
