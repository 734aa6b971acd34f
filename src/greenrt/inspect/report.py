"""The dump: a snapshot as text or JSON. The text shows greenlets and threads with the same stack as one group."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator

from greenrt._loop.registry import describe_thread
from greenrt._render import printable
from greenrt._typing import TYPE_CHECKING, Any
from greenrt.inspect.places import Place
from greenrt.inspect.records import Record
from greenrt.inspect.snapshot import PoolRecord, QueryRecord, Snapshot, ThreadRecord, take
from greenrt.inspect.stats import ServerStats

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["as_json", "as_text", "dump"]

# How many names are shown, and how many hubs, queries, pools and servers.
NAMES = 5
MOST = 8
# How many deadlocks are shown, and how many circles that end.
DEADLOCKS = 3
# The groups of greenlets take so many lines, and with those of threads so many; the others are counted. The whole
# text has less than 200 lines.
GREENLET_LINES = 100
THREAD_LINES = 140
# The innermost and the outermost frames of a stack that are shown.
INNERMOST = 8
OUTERMOST = 2
# The most interesting state comes first.
_ORDER = ["running", "ready", "suspended", "parked", "unstarted"]

Key = tuple[str, str, str, int, str, int]


def dump(file: "TextIO | None" = None, format: str = "text") -> None:
    """Write what all greenlets of the process do to `file`, or to stderr. Any thread may call this.

    Beside the greenlets it shows native threads, hubs, file descriptors, pools, DNS queries and servers.

    format: "text", in which greenlets with the same stack form a group, or "json", which has a record of each. Raises
    ValueError for another format.
    """
    if format not in ("text", "json"):
        raise ValueError(f'format must be "text" or "json", not {format!r}')
    snapshot = take()
    text = as_text(snapshot) if format == "text" else as_json(snapshot)
    print(text, file=sys.stderr if file is None else file, flush=True)


def as_json(snapshot: Snapshot, check: Callable[[], object] = int) -> str:
    """Return the snapshot as a JSON object.

    check: called between the records; its exception ends the work.
    """

    def fields(record: Any) -> dict[str, Any]:
        check()
        # dataclasses.asdict copies everything below the record too, which takes most of the time.
        return {field: getattr(record, field) for field in record.__slots__}

    return json.dumps(snapshot, default=fields)


def as_text(snapshot: Snapshot) -> str:
    """Return the snapshot as text, grouped."""
    records = snapshot.greenlets
    groups = sorted(_grouped(records, _key), key=_rank)
    lines = [f"process {snapshot.pid}: {_count(len(records), 'greenlet')}"]
    for circle in snapshot.deadlocks[:DEADLOCKS]:
        lines += ["", *_circle(f"deadlock of {_count(len(circle), 'greenlet')}:", circle)]
    for each in snapshot.circles[:DEADLOCKS]:
        members = _count(len(each.greenlets), "greenlet")
        head = f"{members} that wait for each other, for at most {each.seconds:.1f} s:"
        lines += ["", *_circle(head, each.greenlets)]
    left = _show(lines, GREENLET_LINES, map(_group, groups), groups)
    if left:
        number = sum(map(len, left))
        lines += ["", f"{_count(number, 'greenlet')} more, in {_count(len(left), 'group')}; --json has each"]
    threads = _grouped(snapshot.threads, lambda each: (each.idle, each.stack))
    left = _show(lines, THREAD_LINES, map(_threads, threads), threads)
    if left:
        lines += ["", f"{_count(sum(map(len, left)), 'native thread')} more"]
    lines += ["", *_hubs(snapshot), _fds(snapshot)]
    lines += _several("DNS query", "DNS queries", list(map(_query, snapshot.queries)))
    lines += _several("pool", "pools", list(map(_pool, sorted(snapshot.pools, key=_room))))
    lines += _several("server", "servers", list(map(_server, snapshot.servers)))
    return "\n".join(map(printable, lines))


def _show(
    lines: list[str], limit: int, texts: Iterator[list[str]], groups: list[list[Any]]
) -> list[list[Any]]:
    """Add the texts of `groups` as long as there are at most `limit` lines; return the groups that have no room."""
    for place, text in enumerate(texts):
        if place and len(lines) + len(text) >= limit:
            return groups[place:]
        lines += ["", *text]
    return []


def _grouped(members: Iterable[Any], key: Callable[[Any], Any]) -> list[list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for each in members:
        groups.setdefault(key(each), []).append(each)
    return list(groups.values())


def _circle(head: str, circle: list[str]) -> list[str]:
    left = len(circle) - NAMES
    lines = [head, *(f"    {text}" for text in circle[:NAMES])]
    return lines if left <= 0 else [*lines, f"    and {left} more"]


def _key(record: Record) -> Key:
    return (
        record.state,
        record.function,
        _kind(record.waits_on),
        # Equal stacks of a snapshot are one object. To compare them would take most of the time.
        id(record.stack),
        record.spawned_at,
        record.thread,
    )


def _kind(waits_on: str) -> str:
    """Return what is the same for equal waits: the address and the fd of an object are not."""
    return waits_on.partition(" at 0x")[0].partition(" fd=")[0]


def _rank(members: list[Record]) -> tuple[int, int]:
    return _ORDER.index(members[0].state), -len(members)


def _group(members: list[Record]) -> list[str]:
    one = members[0]
    head = f"{_count(len(members), 'greenlet')} {one.state} in thread {describe_thread(one.thread)}"
    if one.waits_on:
        head += f", on {one.waits_on}" + (
            " and others" if len({each.waits_on for each in members}) > 1 else ""
        )
    left = [each.left for each in members if each.left is not None]
    if left:
        head += f", for at most {max(left):.1f} s"
    shown = ", ".join(each.name for each in members[:NAMES])
    more = f" and {len(members) - NAMES} more" if len(members) > NAMES else ""
    call = one.function
    if len(members) == 1 and one.arguments:
        call += f"({', '.join(one.arguments)})"
    lines = [head, f"    {shown}{more}" + (f": {call}" if call else "")]
    requests = [each.request for each in members if each.request]
    if requests:
        others = f" and {len(requests) - NAMES} more" if len(requests) > NAMES else ""
        lines.append(f"    answers {', '.join(requests[:NAMES])}{others}")
    if one.spawned_at:
        lines.append(f"    spawned at {one.spawned_at}")
    return lines + _stack(one.stack)


def _stack(stack: tuple[Place, ...]) -> list[str]:
    lines = [f"      {place}" for place in stack]
    left_out = len(lines) - INNERMOST - OUTERMOST
    if left_out > 1:
        lines[INNERMOST:-OUTERMOST] = [f"      ... {left_out} more frames ..."]
    return lines


def _threads(members: list[ThreadRecord]) -> list[str]:
    one = members[0]
    names = ", ".join(describe_thread(each.thread) for each in members[:NAMES])
    more = f" and {len(members) - NAMES} more" if len(members) > NAMES else ""
    if one.idle:
        return [f"{_count(len(members), 'native thread')} of greenrt's, idle: {names}{more}"]
    return [f"{_count(len(members), 'native thread')} without greenlets: {names}{more}", *_stack(one.stack)]


def _hubs(snapshot: Snapshot) -> list[str]:
    texts = [
        f"hub of thread {describe_thread(hub.thread)}: {_count(hub.timers, 'timer')}, "
        f"{hub.queued} in the run queue, {_count(hub.turns, 'turn')} so far"
        for hub in snapshot.hubs[:MOST]
    ]
    left = len(snapshot.hubs) - MOST
    return texts if left <= 0 else [*texts, f"{_count(left, 'hub')} more"]


def _fds(snapshot: Snapshot) -> str:
    if not snapshot.fds:
        return f"fds: at most {snapshot.fd_limit}; they can't be listed"
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(snapshot.fds.items()))
    return f"fds: {sum(snapshot.fds.values())} of at most {snapshot.fd_limit}: {kinds}"


def _several(one: str, many: str, texts: list[str]) -> list[str]:
    if not texts:
        return []
    lines = [f"{len(texts)} {one if len(texts) == 1 else many}:", *(f"    {text}" for text in texts[:MOST])]
    return lines + ([f"    and {len(texts) - MOST} more"] if len(texts) > MOST else [])


def _query(query: QueryRecord) -> str:
    return f"{query.name} {query.type}, asked {query.seconds:.1f} s ago, of {', '.join(query.servers)}"


def _room(pool: PoolRecord) -> float:
    """Return the share of the pool that is free: full pools come first."""
    return 1.0 if not pool.size else 1 - pool.used / pool.size


def _pool(pool: PoolRecord) -> str:
    size = "" if pool.size is None else f" of {pool.size}"
    waiting = f", {_count(pool.waiting, 'greenlet')} waiting" if pool.waiting else ""
    return f"{pool.pool}: {pool.used}{size} in use{waiting}"


def _server(server: ServerStats) -> str:
    state = "accepts" if server.started else "does not accept"
    rejected = sum(server.rejected.values())
    return f"{server.kind} at {server.address}: {state}, {_count(server.connections, 'connection')}" + (
        f", {rejected} rejected" if rejected else ""
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
