"""A record of each greenlet of the process."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from greenlet import greenlet

from greenrt._bare import context_of, parent_of, plain
from greenrt._freeze import hidden_objects
from greenrt._hub.bare import args_of, has_ended, is_greenlet, kwargs_of
from greenrt._hub.current_hub import main_greenlet, threads_with_hub
from greenrt._hub.frozen import frozen_instances
from greenrt._hub.park import HubCore, parked
from greenrt._hub.report import instances_of
from greenrt._hub.waiting_frame import hub_is_waiting_for_events
from greenrt._typing import Any
from greenrt.inspect.places import Place
from greenrt.inspect.population import find
from greenrt.inspect.references import References, look
from greenrt.inspect.safe_text import failed, safe_text
from greenrt.inspect.sightings import Sighting, Sightings, run_state
from greenrt.inspect.threads import call_of_thread
from greenrt.inspect.waits import Waits, groups_among, members_of, shown_name
from greenrt.sync.group import Group

__all__ = ["Record", "Recorder", "greenlets", "running_in"]


# A frozen one takes three times as long to make, and there may be very many.
@dataclass(slots=True)
class Record:
    """What one greenlet did at one moment.

    Attributes:
    name: its name; "main" for the main greenlet of a native thread; for a green thread, the name of the thread.
    function: the name of the function that it runs, or an empty text; for a green thread, the target of the thread.
    arguments: a text for each argument of the function.
    state: "running", "ready" (it will run soon), "parked" (it waits), "unstarted", "suspended" (a raw greenlet that
        switched away by hand), or "unknown" (an error hides it).
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

    The program goes on meanwhile in other threads, so the records need not be of one moment. The call runs no
    code of the program, such as its ``__repr__`` methods. Finalizers of what the program drops meanwhile run at
    the end of the call; if the calling thread has no hub, later, in a greenlet of a thread that has one.

    After `gc.freeze`, the call searches the whole heap for the greenlets that are frozen. It does not find those to
    which only local variables refer; a dump says how many parked greenlets are missing.

    context: whether the records have the context variables of each greenlet.
    """
    return look(lambda references: _greenlets(references, context))


def _greenlets(references: References, context: bool) -> list[Record]:
    population = find(references)
    targets, groups = population.targets, population.groups
    recorder = Recorder(groups, Waits(targets, groups), context)
    return [recorder.record(each) for each in Sightings(references).all(targets)]


def running_in(thread: int, check: Callable[[], object] = int) -> Record | None:
    """Return a record of the greenlet that runs in a native thread; None if its hub runs, or if it has none.

    If `gc.freeze` hides the greenlet, this searches the whole heap. A group that is hidden is found only then.

    check: called between the steps of a long search; its exception ends the work.
    """
    return look(lambda references: _running_in(thread, references, check))


def _running_in(thread: int, references: References, check: Callable[[], object]) -> Record | None:
    hub = threads_with_hub.get(thread)
    if hub is None or _runs_a_hub(thread, references):
        return None
    main = hub.parent
    hidden: list[Any] = []
    found: list[Any] = instances_of(greenlet, drop=references.drop)
    references.kept += found
    target = _running_among((main, *found), main)
    if target is None and hidden_objects():
        hidden = frozen_instances((greenlet, Group), found, check, references.drop)
        references.kept += hidden
        target = _running_among([each for each in hidden if issubclass(type(each), greenlet)], main)
    if target is None:
        return None
    # The greenlet may end at any moment, and its record would then have less: the group is looked up later.
    record = Recorder((), Waits((), ())).record(Sightings(references).of(target, thread))
    groups = groups_among([*instances_of(Group, drop=references.drop), *hidden])
    references.kept += groups
    for group in groups:
        if any(each is target for each in members_of(group)):
            record.group = safe_text(group)
    return record


def _runs_a_hub(thread: int, references: References) -> bool:
    """Return whether the hub of a native thread runs, which has an outermost frame of its own."""
    frame = references.frame_of(thread)
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    return frame is not None and frame.f_code is hub_is_waiting_for_events.__code__


def _running_among(targets: Iterable[Any], main: greenlet) -> Any:
    """Return the greenlet that runs in the thread with this main greenlet, if it is among `targets`, else None."""
    return next(
        (
            target
            for target in targets
            if not has_ended(target)
            and not issubclass(type(target), HubCore)
            and main_greenlet(target) is main
            and run_state(target, parked(target)) == "running"
        ),
        None,
    )


class Recorder:
    """Makes records of what was sighted. Equal texts of several are one object.

    Arguments: `groups`, all groups and pools of the process; `context`, whether the records have context variables.
    Attribute: `waits`, which knows what greenlets wait for.
    """

    def __init__(self, groups: Iterable[Any], waits: Waits, context: bool = False) -> None:
        self.waits = waits
        self._context = context
        self._groups = {id(member): group for group in groups for member in members_of(group)}
        # By the id of the greenlet, which is kept, so that its id stays its own.
        self._parents: dict[int, tuple[Any, str]] = {}

    def record(self, seen: Sighting) -> Record:
        """Return the record of a greenlet that was sighted just before. An error costs only what it hides."""
        try:
            return self._record(seen)
        except Exception as error:
            return Record(
                shown_name(seen.target),
                failed("record", error),
                (),
                seen.state,
                "",
                seen.left,
                seen.stack,
                seen.spawned_at,
                "",
                "",
                seen.thread,
                seen.request,
                None,
            )

    def _record(self, seen: Sighting) -> Record:
        target = seen.target
        group = self._groups.get(id(target))
        # By place: names of arguments take a tenth of the time.
        return Record(
            shown_name(target),
            seen.function,
            _arguments(target) if is_greenlet(target) else (),
            seen.state,
            "" if seen.wait is None else self.waits.text(seen.wait, seen.frame),
            seen.left,
            seen.stack,
            seen.spawned_at,
            self._parent(parent_of(target)),
            "" if group is None else safe_text(group),
            seen.thread,
            seen.request,
            _context(target) if self._context else None,
        )

    def _parent(self, parent: Any) -> str:
        if parent is None:
            return ""
        known = self._parents.get(id(parent))
        if known is None:
            known = self._parents[id(parent)] = parent, shown_name(parent)
        return known[1]


def _arguments(target: Any) -> tuple[str, ...]:
    """Return a text for each argument of what a greenlet calls."""
    called = call_of_thread(target)
    if called is not None:
        _, args, kwargs = called
    else:
        args, kwargs = args_of(target), kwargs_of(target)
    texts = tuple([safe_text(value) for value in args])
    if not kwargs:
        return texts
    return (*texts, *[f"{_keyword(name)}={safe_text(value)}" for name, value in kwargs.items()])


def _keyword(name: Any) -> str:
    return plain(name) if issubclass(type(name), str) else safe_text(name)


def _context(target: Any) -> dict[str, str]:
    try:
        found = context_of(target)
    except ValueError:
        # It runs in another thread.
        return {}
    return (
        {} if found is None else {plain(variable.name): safe_text(value) for variable, value in found.items()}
    )
