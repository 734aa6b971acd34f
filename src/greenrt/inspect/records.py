"""A record of each greenlet of the process."""

from collections.abc import Iterator
from dataclasses import dataclass

from greenlet import greenlet

from greenrt import _original
from greenrt._hub.current_hub import main_greenlet, threads_with_hub
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.park import HubCore, Park, parked
from greenrt._hub.report import all_greenlets, instances_of
from greenrt._native.switch import Fiber, has_started
from greenrt._typing import Any
from greenrt.inspect.places import Place, Sites, Stacks
from greenrt.inspect.requests import request_of
from greenrt.inspect.safe_text import function_name, safe_text
from greenrt.inspect.threads import call_of_thread
from greenrt.inspect.waits import Waits, groups_among, seconds_left, shown_name
from greenrt.sync.group import Group

__all__ = ["Record", "greenlets", "records_of", "run_state", "running_in", "with_mains"]


# A frozen one takes three times as long to make, and there may be very many.
@dataclass(slots=True)
class Record:
    """What one greenlet did at one moment.

    Attributes:
    name: its name; "main" for the main greenlet of a native thread; for a green thread, the name of the thread.
    function: the name of the function that it runs, or an empty text; for a green thread, the target of the thread.
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
    request: the HTTP request that it answers for a WSGIServer and the client's address, or an empty text.
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
    request: str
    context: dict[str, str] | None


def greenlets(context: bool = False) -> list[Record]:
    """Return a record of each greenlet of the process that has not ended, except hubs. Any thread may call this.

    The program goes on meanwhile in other threads, so the records need not be of one moment. The texts in them run no
    code of the program, such as its ``__repr__`` methods.

    context: whether the records have the context variables of each greenlet.
    """
    found = instances_of(greenlet, Group)
    groups = groups_among(found)
    targets = with_mains([each for each in found if issubclass(type(each), greenlet)])
    return list(records_of(targets, groups, Waits(targets, groups), context))


def running_in(thread: int) -> Record | None:
    """Return a record of the greenlet that runs in a native thread; None if its hub runs, or if it has none."""
    hub = threads_with_hub.get(thread)
    if hub is None:
        return None
    main = hub.parent
    for target in (main, *all_greenlets()):
        if (
            not target.dead
            and not isinstance(target, HubCore)
            and main_greenlet(target) is main
            and run_state(target, parked(target)) == "running"
        ):
            break
    else:
        return None
    # The greenlet may end at any moment, and its record would then have less: the group is looked up later.
    record = _Recorder(Waits((), ()), context=False).record(target, thread, None)
    for group in groups_among(instances_of(Group)):
        if any(each is target for each in list(group.greenlets)):
            record.group = safe_text(group)
    return record


def with_mains(targets: list[Any]) -> list[Any]:
    """Return the main greenlets of the threads with a hub, which the collector may not know, and `targets`."""
    mains = [hub.parent for hub in list(threads_with_hub.values())]
    # By id: the program's greenlets may have an `__eq__` and a `__hash__` of their own.
    return list({id(target): target for target in (*mains, *targets)}.values())


def records_of(
    targets: list[Any], groups: list[Any], waits: Waits, context: bool = False
) -> Iterator[Record]:
    """Yield a record of each greenlet among `targets` that has not ended.

    groups: all groups and pools of the process.
    """
    mains = {hub.parent: ident for ident, hub in list(threads_with_hub.items())}
    group_of = {id(member): group for group in groups for member in list(group.greenlets)}
    recorder = _Recorder(waits, context)
    for target in targets:
        if not target.dead and not isinstance(target, HubCore):
            thread = mains.get(main_greenlet(target))
            if thread is not None:
                yield recorder.record(target, thread, group_of.get(id(target)))


class _Recorder:
    """Makes records. Equal texts and stacks of several are one object."""

    def __init__(self, waits: Waits, context: bool) -> None:
        self._waits = waits
        self._context = context
        self._stacks = Stacks()
        self._sites = Sites()
        # By the id of the greenlet, which is kept, so that its id stays its own.
        self._parents: dict[int, tuple[Any, str]] = {}

    def record(self, target: Any, thread: int, group: Any) -> Record:
        """Return the record of one greenlet, which belongs to a native thread, and to a group or None."""
        park = parked(target)
        state = run_state(target, park)
        own = isinstance(target, Greenlet)
        if state == "running":
            frame = _original.current_frames().get(thread)
        else:
            frame = target.gr_frame
        function, args, kwargs = _call(target) if own else (None, (), {})
        return Record(
            name=shown_name(target),
            function="" if function is None else function_name(function),
            arguments=_arguments(args, kwargs),
            state=state,
            waits_on=self._waits.text(park, frame) if state == "parked" else "",
            left=seconds_left(park) if state == "parked" else None,
            stack=self._stacks.of(frame),
            spawned_at=self._sites.of(target) if own else "",
            parent=self._parent(target.parent),
            group="" if group is None else safe_text(group),
            thread=thread,
            request=request_of(target, frame) if own else "",
            context=_context(target) if self._context else None,
        )

    def _parent(self, parent: Any) -> str:
        if parent is None:
            return ""
        known = self._parents.get(id(parent))
        if known is None:
            known = self._parents[id(parent)] = parent, shown_name(parent)
        return known[1]


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, ...]:
    texts = tuple([safe_text(value) for value in args])
    return (*texts, *[f"{name}={safe_text(value)}" for name, value in kwargs.items()]) if kwargs else texts


def _call(target: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Return what a greenlet calls, and its arguments."""
    called = call_of_thread(target)
    if called is not None:
        return called
    # A subclass may have properties of these names, which would run.
    return target._function, Greenlet.args.__get__(target), Greenlet.kwargs.__get__(target)


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
