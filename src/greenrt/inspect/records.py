"""A record of each greenlet of the process."""

import sys
from dataclasses import dataclass
from types import FrameType

from greenrt._hub.current_hub import main_greenlet, threads_with_hub
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.park import HubCore, Park, parked
from greenrt._hub.report import all_greenlets
from greenrt._native.switch import Fiber, has_started
from greenrt._render import is_own_frame
from greenrt._typing import Any
from greenrt.inspect.safe_text import function_name, greenlet_name, wait_text

__all__ = ["Place", "Record", "greenlets", "places", "run_state"]


@dataclass(frozen=True, slots=True)
class Place:
    """A line of code. Attributes: `file`, `line` and `function`, the qualified name."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


@dataclass(frozen=True, slots=True)
class Record:
    """What one greenlet did at one moment.

    Attributes:
    name: its name; "main" for the main greenlet of a native thread.
    function: the name of the function that it runs, or an empty text.
    state: "running", "ready" (it will run soon), "parked" (it waits), "unstarted", or "suspended" (a raw greenlet
        that switched away by hand).
    waits_on: what it waits on, if it is parked, else an empty text.
    left: the seconds until its wait ends by itself, if it has a limit, else None.
    stack: its Python frames, the innermost first, without greenrt's own at either end.
    spawned_at: the place where it was made, or an empty text.
    thread: the identity of the native thread that it belongs to.
    """

    name: str
    function: str
    state: str
    waits_on: str
    left: float | None
    stack: tuple[Place, ...]
    spawned_at: str
    thread: int


def greenlets() -> list[Record]:
    """Return a record of each greenlet of the process that has not ended, except hubs. Any thread may call this.

    The program goes on meanwhile in other threads, so the records need not be of one moment. The texts in them run no
    code of the program, such as its ``__repr__`` methods.
    """
    mains = {hub.parent: ident for ident, hub in list(threads_with_hub.items())}
    found = []
    # The collector may not know the main greenlets.
    for target in {*mains, *all_greenlets()}:
        if not target.dead and not isinstance(target, HubCore):
            thread = mains.get(main_greenlet(target))
            if thread is not None:
                found.append(_record(target, thread))
    return found


def _record(target: Any, thread: int) -> Record:
    park = parked(target)
    state = run_state(target, park)
    own = isinstance(target, Greenlet)
    if state == "running":
        frame = sys._current_frames().get(thread)
    else:
        frame = target.gr_frame
    return Record(
        name=greenlet_name(target) if own else "main" if target.parent is None else f"raw at {id(target):#x}",
        function=function_name(target._function) if own and target._function is not None else "",
        state=state,
        waits_on=wait_text(park.what) if state == "parked" else "",
        left=_left(park) if state == "parked" else None,
        stack=tuple(places(frame)),
        spawned_at=target.spawned_at if own else "",
        thread=thread,
    )


def run_state(target: Any, park: Park | None) -> str:
    """Return the `Record.state` of a greenlet that is not dead; `park` is the one that it is in, or None."""
    if park is not None:
        return "parked" if park.waiting else "ready"
    if isinstance(target, Fiber):
        if target._queued:
            return "ready"
        if not target._begun:
            return "unstarted"
    elif not has_started(target):
        return "unstarted"
    # A greenlet that runs has no frame to show: its frames are those of its thread. (Nor has a raw greenlet that runs
    # only C code and switched away by hand: it passes for one that runs.)
    return "running" if target.gr_frame is None else "suspended"


def _left(park: Park) -> float | None:
    loop = park.hub.loop
    return max(0.0, park.deadline - loop.clock.now()) if loop.timers.contains(park) else None


def places(frame: FrameType | None) -> list[Place]:
    """Return the places of the program's frames, without those of greenrt at either end."""
    while frame is not None and is_own_frame(frame):
        frame = frame.f_back
    places, end = [], 0
    while frame is not None:
        code = frame.f_code
        places.append(Place(code.co_filename, frame.f_lineno or code.co_firstlineno, code.co_qualname))
        if not is_own_frame(frame):
            end = len(places)
        frame = frame.f_back
    return places[:end]
