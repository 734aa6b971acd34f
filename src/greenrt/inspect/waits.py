"""What parked greenlets wait for, and circles of greenlets that wait for each other."""

from collections.abc import Iterable
from types import FrameType, FunctionType

from greenlet import greenlet

from greenrt._bare import (
    field_reader,
    fields_of,
    frame_of,
    instance_namespace,
    name_of,
    names_of_module,
    namespace_reader,
    parent_of,
    type_name,
)
from greenrt._hub.bare import has_ended, is_greenlet
from greenrt._hub.fd_wait import READABLE, WRITABLE
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.park import HubCore, Park, parked
from greenrt._original import TIMEOUT_MAX
from greenrt._render import is_own_frame
from greenrt._typing import Any
from greenrt.inspect.safe_text import count_of, failed, greenlet_name, safe_text, size_of, wait_text
from greenrt.inspect.threads import ends_of_threads
from greenrt.sync.group import Group
from greenrt.sync.lock import Lock, Mutex, RLock
from greenrt.sync.permits import Permits
from greenrt.sync.pool import Pool
from greenrt.sync.threadpool import ThreadPool, all_threadpools

__all__ = [
    "Waits",
    "fields_of_threadpool",
    "groups_among",
    "members_of",
    "places_of",
    "pools_among",
    "seconds_left",
    "shown_name",
]

fields_of_threadpool = namespace_reader(ThreadPool)
_fields_of_group = namespace_reader(Group)
_waiters_of = field_reader(Permits, "_waiters")


def shown_name(target: Any) -> str:
    """Return the name of any greenlet."""
    if is_greenlet(target):
        try:
            return greenlet_name(target)
        except Exception as error:
            return failed("name", error)
    if issubclass(type(target), HubCore):
        return "hub"
    return "main" if parent_of(target) is None else f"raw at {id(target):#x}"


def seconds_left(park: Park) -> float | None:
    """Return how many seconds are left until a wait ends by itself; None if it has no limit, or one in centuries."""
    loop = park.hub.loop
    left = park.deadline - loop.clock.now() if loop.timers.contains(park) else TIMEOUT_MAX
    return max(0.0, left) if left < TIMEOUT_MAX else None


def groups_among(found: Iterable[Any]) -> list[Group]:
    """Return the groups and pools among `found`, without those that are half made."""
    return [each for each in found if issubclass(type(each), Group) and "greenlets" in _fields_of_group(each)]


def pools_among(found: Iterable[Any]) -> list[Pool]:
    """Return the pools of greenlets among `found`, without those that are half made."""
    return [each for each in found if issubclass(type(each), Pool) and "_room" in _fields_of_group(each)]


def _fields_of_pool(pool: Any) -> dict[str, Any]:
    return _fields_of_group(pool) if issubclass(type(pool), Pool) else fields_of_threadpool(pool)


def places_of(pool: Pool | ThreadPool) -> tuple[int, int | None, int]:
    """Return how many places of a pool are taken, of how many (None: no limit), and how many greenlets want one."""
    fields = _fields_of_pool(pool)
    room = fields["_room"]
    # A pool without a limit has another object there, and none has waited in a new semaphore.
    waiters = _waiters_of(room) if issubclass(type(room), Permits) else None
    waiting = 0 if waiters is None else waiters.count
    if issubclass(type(pool), Pool):
        return len(members_of(pool)), size_of(fields.get("size")), waiting
    return len(fields["_outstanding"]), fields["_maxsize"], waiting


def members_of(group: Any) -> list[Any]:
    """Return the greenlets of a group; none if the program has replaced its set by something else."""
    members = _fields_of_group(group).get("greenlets")
    return list(members) if type(members) is set else []


class Waits:
    """The waits of all greenlets. Arguments: `targets`, all greenlets; `groups`, all groups and pools."""

    def __init__(self, targets: Iterable[greenlet], groups: Iterable[Any]) -> None:
        self._known: dict[int, tuple[Any, str]] = {}
        # The texts of waits with a number, such as sleeps: by the format and number, and whether it is an int.
        self._of_numbers: dict[tuple[tuple[str, float], bool], str] = {}
        # By the id of the type of what has a file descriptor. The type is kept, so that its id stays its own.
        self._kinds: dict[int, tuple[type, str]] = {}
        self._by_id = {id(target): target for target in targets}
        pools: list[Any] = [*pools_among(groups), *all_threadpools()]
        self._pool_of_room = {id(_fields_of_pool(pool)["_room"]): pool for pool in pools}
        # The objects are kept, so that their ids stay their own.
        self._ends = ends_of_threads()
        self._thread_of_end = {id(end): thread for end, thread in self._ends}
        # The code of methods in which threads wait for others, with what such a wait is for.
        self._condition_wait = _code_of_wait("Condition")
        self._event_wait = _code_of_wait("Event")

    def text(self, park: Park, frame: FrameType | None) -> str:
        """Return a text for what `park` waits for. `frame` is the innermost of its greenlet."""
        try:
            return self._text(park, frame)
        except Exception as error:
            return failed("text", error)

    def _text(self, park: Park, frame: FrameType | None) -> str:
        what = park.what
        # Many greenlets may wait for the same object, which is kept so that its id stays its own.
        known = self._known.get(id(what))
        if known is not None:
            return known[1]
        pool = self._pool_of_room.get(id(what))
        if pool is not None:
            used, size, _ = places_of(pool)
            limit = "" if size is None else f"{size} "
            return (
                f"room in <{name_of(type(pool))} at {id(pool):#x}>, of whose {limit}places {used} are taken"
            )
        thread = self._thread_of_end.get(id(what))
        if thread is not None:
            return f"the end of thread {shown_name(thread)}"
        if issubclass(type(what), Mutex):
            return self._notification(frame) or f"{safe_text(what)}, {self._holder_text(what)}"
        if type(what) is tuple:
            if len(what) != 2 or (type(what[1]) is not float and type(what[1]) is not int):
                return wait_text(what)
            # 1 and 1.0 are equal, but their texts are not.
            key = what, type(what[1]) is int
            known_text = self._of_numbers.get(key)
            if known_text is None:
                known_text = self._of_numbers[key] = wait_text(what)
            return known_text
        text = wait_text(what)
        self._known[id(what)] = what, text
        return text

    def kind(self, park: Park, frame: FrameType | None) -> str:
        """Return what is the same in the texts of equal waits: the address and the fd of an object are not."""
        what = park.what
        if type(what) is not tuple or len(what) != 2 or (what[0] is not READABLE and what[0] is not WRITABLE):
            return _kind_of(self.text(park, frame))
        # The text of a socket takes system calls, and there may be very many.
        kind = type(what[1])
        known = self._kinds.get(id(kind))
        if known is None:
            text = _kind_of(self.text(park, frame))
            if text != f"<{type_name(kind)}":
                return text
            known = self._kinds[id(kind)] = kind, text
        return known[1]

    def _holder_text(self, lock: Mutex) -> str:
        number = _owner_id(lock)
        if not number:
            return "free"
        holder = self._by_id.get(number)
        gone = holder is None or has_ended(holder)
        return f"held by {'a greenlet that has ended' if gone else shown_name(holder)}"

    def _notification(self, frame: FrameType | None) -> str:
        """Return a text for a wait for a notification of a `threading.Condition`; empty for another wait.

        Such a wait is one for a lock that the notification releases.
        """
        while frame is not None and is_own_frame(frame):
            frame = frame.f_back
        if frame is None or frame.f_code is not self._condition_wait:
            return ""
        condition = frame.f_locals.get("self")
        outer = frame.f_back
        if outer is not None and outer.f_code is self._event_wait:
            return f"<threading.Event at {id(outer.f_locals.get('self')):#x}> to be set"
        fields = instance_namespace(condition) or {}
        lock: Any = fields.get("_lock")
        held = f"; its lock is {self._holder_text(lock)}" if issubclass(type(lock), Mutex) else ""
        waiting = count_of(fields.get("_waiters"))
        count = "" if waiting is None else f" {waiting=}"
        return f"a notification of <threading.Condition at {id(condition):#x}{count}>{held}"

    def _blocker(self, park: Park) -> Any:
        """Return the greenlet that must go on before `park` can end, or None if that is not certain."""
        what = park.what
        if issubclass(type(what), Mutex):
            return self._by_id.get(_owner_id(what))
        if issubclass(type(what), Greenlet):
            return what
        return self._thread_of_end.get(id(what))

    def circles(self) -> list[tuple[float | None, list[str]]]:
        """Return the circles of greenlets that wait for locks of each other, and for each other's ends.

        A circle has the seconds until the first of its waits ends by itself, None if none does; and a text for each
        of its greenlets.
        """
        # By id: the program's greenlets may have an `__eq__` and a `__hash__` of their own.
        blockers: dict[int, tuple[int, Park]] = {}
        for number, target in self._by_id.items():
            park = parked(target)
            if park is not None:
                blocker = self._blocker(park)
                if blocker is not None and park.waiting and not has_ended(target):
                    blockers[number] = id(blocker), park
        circles = []
        seen: set[int] = set()
        for start in blockers:
            path: list[int] = []
            here = start
            while here in blockers and here not in seen:
                seen.add(here)
                path.append(here)
                here = blockers[here][0]
            circle = path[path.index(here) :] if here in path else []
            # A greenlet may wait for another one to release a lock that it has taken itself.
            if len(circle) > 1:
                circles.append([(self._by_id[each], blockers[each][1]) for each in circle])
        return [
            (
                min([left for _, park in circle if (left := seconds_left(park)) is not None], default=None),
                [f"{shown_name(each)} waits on {self.text(park, frame_of(each))}" for each, park in circle],
            )
            for circle in circles
        ]


def _owner_id(lock: Any) -> int:
    """Return the id() of the greenlet that holds a lock; 0 if it is free. A subclass may replace the method."""
    return Lock._owner_id(lock) if issubclass(type(lock), Lock) else RLock._owner_id(lock)


def _code_of_wait(name: str) -> Any:
    """Return the code of the method `wait` of a class of `threading`; None if the class or method is missing."""
    kind: Any = names_of_module("threading").get(name)
    method = fields_of(kind).get("wait") if issubclass(type(kind), type) else None
    return method.__code__ if type(method) is FunctionType else None


def _kind_of(text: str) -> str:
    return text.partition(" at 0x")[0].partition(" fd=")[0]
