"""What each greenlet did when it was seen: its state, what it waits on and its stack.

There may be very many greenlets, so this reads only what most of them share. A `Record` has the rest.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import FrameType

from greenlet import greenlet

from greenrt._bare import frame_of, parent_of
from greenrt._hub.bare import function_of, has_begun, has_ended, is_greenlet, is_queued
from greenrt._hub.current_hub import main_greenlet, threads_with_hub
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.park import HubCore, Park, parked
from greenrt._native.switch import Fiber, has_started
from greenrt._typing import Any
from greenrt.inspect.places import Place, Sites, Stacks
from greenrt.inspect.references import References
from greenrt.inspect.requests import request_of
from greenrt.inspect.safe_text import failed, function_name
from greenrt.inspect.threads import call_of_thread
from greenrt.inspect.waits import seconds_left

__all__ = ["Sighting", "Sightings", "run_state"]


# A frozen one takes three times as long to make.
@dataclass(slots=True)
class Sighting:
    """One greenlet at one moment: `target`. The other fields mean what those of `Record` with the same names mean.

    `wait`: if it is parked, its park, else None; `frame`: its innermost frame. `Waits` makes texts of them. `stack`:
    equal stacks of the same `Sightings` are one object.
    """

    target: Any
    thread: int
    function: str
    state: str
    wait: Park | None
    frame: FrameType | None
    left: float | None
    stack: tuple[Place, ...]
    spawned_at: str
    request: str


class Sightings:
    """Looks at greenlets. Argument: what keeps the objects that are referred to meanwhile."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._kept = references.kept
        self._stacks = Stacks()
        self._sites = Sites()

    def all(self, targets: Iterable[greenlet], check: Callable[[], object] = int) -> Iterator[Sighting]:
        """Yield a sighting of each greenlet among `targets` that has not ended, without hubs.

        check: called after each; its exception ends the work.
        """
        mains = {hub.parent: ident for ident, hub in list(threads_with_hub.items())}
        # By the id of the parent, which is kept, so that its id stays its own.
        known: dict[int, tuple[Any, int | None]] = {}
        for target in targets:
            if has_ended(target) or issubclass(type(target), HubCore):
                continue
            parent = parent_of(target)
            relatives = known.get(id(parent))
            if relatives is None:
                thread = mains.get(main_greenlet(target))
                if parent is not None:
                    known[id(parent)] = parent, thread
            else:
                thread = relatives[1]
            if thread is not None:
                yield self.of(target, thread)
                check()

    def of(self, target: Any, thread: int) -> Sighting:
        """Return a sighting of a greenlet that belongs to the native thread `thread`. An error costs its fields."""
        try:
            return self._of(target, thread)
        except Exception as error:
            return Sighting(
                target, thread, failed("sighting", error), "unknown", None, None, None, (), "", ""
            )

    def _of(self, target: Any, thread: int) -> Sighting:
        park = parked(target)
        state = run_state(target, park)
        if state == "running":
            frame = self._references.frame_of(thread)
        else:
            frame = frame_of(target)
        self._kept += (park, frame)
        function = spawned_at = request = ""
        if is_greenlet(target):
            called = function_of(target)
            request = request_of(called, frame)
            if type(target) is not Greenlet:
                call = call_of_thread(target)
                called = called if call is None else call[0]
            # Without a function it calls its method `_run`.
            function = "" if called is None else function_name(called)
            spawned_at = self._sites.of(target)
        wait = park if state == "parked" else None
        left = None if wait is None else seconds_left(wait)
        # By place: names of arguments take a tenth of the time.
        return Sighting(
            target, thread, function, state, wait, frame, left, self._stacks.of(frame), spawned_at, request
        )


def run_state(target: Any, park: Park | None) -> str:
    """Return the `Record.state` of a greenlet that is not dead; `park` is the one that it is in, or None."""
    if park is not None:
        return "parked" if park.waiting else "ready"
    if issubclass(type(target), Fiber):
        if is_queued(target):
            return "ready"
        if not has_begun(target):
            return "unstarted"
    elif not has_started(target):
        return "unstarted"
    # A greenlet that runs has no frame to show: its frames are those of its thread. (Nor has a raw greenlet that runs
    # only C code and switched away by hand: it passes for one that runs.)
    return "running" if frame_of(target) is None else "suspended"
