"""A record of each greenlet of the process."""

from collections.abc import Iterator
from dataclasses import dataclass

from greenlet import greenlet

from greenrt import _original
from greenrt._hub.current_hub import main_greenlet, threads_with_hub
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.park import HubCore, Park, parked
from greenrt._hub.report import instances_of
from greenrt._native.switch import Fiber, has_started
from greenrt._typing import Any
from greenrt.inspect.places import Place, Stacks
from greenrt.inspect.safe_text import function_name, greenlet_name, safe_text, wait_text
from greenrt.sync.group import Group

__all__ = ["Record", "greenlets", "records_of", "run_state"]


@dataclass(frozen=True, slots=True)
class Record:
    """What one greenlet did at one moment.

    Attributes:
    name: its name; "main" for the main greenlet of a native thread.
    function: the name of the function that it runs, or an empty text.
    arguments: a text for each argument of the function.
    state: "running", "ready" (it will run soon), "parked" (it waits), "unstarted", or "suspended" (a raw greenlet
        that switched away by hand).
    waits_on: what it waits on, if it is parked, else an empty text.
    left: the seconds until its wait ends by itself, if it has a limit, else None.
    stack: its Python frames, the innermost first, without greenrt's own at either end.
    spawned_at: the place where it was made, or an empty text.
    parent: the name of the greenlet in which its end continues, "hub" for the hub; empty for main greenlets.
    group: a text for the Group or Pool that it is a member of, or an empty text.
    thread: the identity of the native thread that it belongs to.
    context: a text for each variable of its context, by name, if that was asked for; else None.
    """

    name: str
    function: str
    arguments: tuple[str, ...]
    state: str
    waits_on: str
    left: float | None
    stack: tuple[Place, ...]
    spawned_at: str
    parent: str
    group: str
    thread: int
    context: dict[str, str] | None


def greenlets(context: bool = False) -> list[Record]:
    """Return a record of each greenlet of the process that has not ended, except hubs. Any thread may call this.

    The program goes on meanwhile in other threads, so the records need not be of one moment. The texts in them run no
    code of the program, such as its ``__repr__`` methods.

    context: whether the records have the context variables of each greenlet.
    """
    found = instances_of(greenlet, Group)
    groups = [each for each in found if issubclass(type(each), Group)]
    return list(records_of([each for each in found if issubclass(type(each), greenlet)], groups, context))


def records_of(targets: list[Any], groups: list[Any], context: bool = False) -> Iterator[Record]:
    """Yield a record of each greenlet among `targets` that has not ended, and of the main greenlets.

    groups: all groups and pools of the process.
    """
    mains = {hub.parent: ident for ident, hub in list(threads_with_hub.items())}
    group_of = {id(member): group for group in groups for member in list(group.greenlets)}
    stacks = Stacks()
    # The collector may not know the main greenlets.
    for target in {*mains, *targets}:
        if not target.dead and not isinstance(target, HubCore):
            thread = mains.get(main_greenlet(target))
            if thread is not None:
                yield _record(target, thread, group_of.get(id(target)), context, stacks)


def _record(target: Any, thread: int, group: Any, context: bool, stacks: Stacks) -> Record:
    park = parked(target)
    state = run_state(target, park)
    own = isinstance(target, Greenlet)
    if state == "running":
        frame = _original.current_frames().get(thread)
    else:
        frame = target.gr_frame
    return Record(
        name=_name(target),
        function=function_name(target._function) if own and target._function is not None else "",
        arguments=tuple(_arguments(target)) if own else (),
        state=state,
        waits_on=wait_text(park.what) if state == "parked" else "",
        left=_left(park) if state == "parked" else None,
        stack=stacks.of(frame),
        spawned_at=target.spawned_at if own else "",
        parent="" if target.parent is None else _name(target.parent),
        group="" if group is None else safe_text(group),
        thread=thread,
        context=_context(target) if context else None,
    )


def _name(target: Any) -> str:
    if isinstance(target, Greenlet):
        return greenlet_name(target)
    if isinstance(target, HubCore):
        return "hub"
    return "main" if target.parent is None else f"raw at {id(target):#x}"


def _arguments(target: Any) -> list[str]:
    # A subclass may have properties of these names, which would run.
    args = Greenlet.args.__get__(target)
    kwargs = Greenlet.kwargs.__get__(target)
    return [*map(safe_text, args), *(f"{name}={safe_text(value)}" for name, value in kwargs.items())]


def _context(target: Any) -> dict[str, str]:
    try:
        found = target.gr_context
    except ValueError:
        # It runs in another thread.
        return {}
    return {} if found is None else {variable.name: safe_text(value) for variable, value in found.items()}


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
