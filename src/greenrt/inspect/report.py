"""The dump: a snapshot as text or JSON. The text shows greenlets and threads with the same stack as one group."""

import sys
from collections.abc import Callable, Iterable, Iterator

from greenrt._loop.registry import describe_thread
from greenrt._render import printable
from greenrt._typing import TYPE_CHECKING, Any
from greenrt.inspect.groups import GreenletGroup, grouped
from greenrt.inspect.json_text import json_pieces, records_as_json
from greenrt.inspect.places import Place
from greenrt.inspect.snapshot import PoolRecord, QueryRecord, Snapshot, ThreadRecord, take
from greenrt.inspect.stats import ServerStats

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["as_text", "dump", "failure_text", "render"]

# How many members of a circle and names of threads are shown, and how many hubs, queries, pools and servers.
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
_ORDER = ["running", "ready", "suspended", "parked", "unstarted", "unknown"]


def dump(file: "TextIO | None" = None, format: str = "text") -> None:
    """Write what all greenlets of the process do to `file`, or to stderr, if there is one. Any thread may call this.

    Beside the greenlets it shows native threads, hubs, file descriptors, pools, DNS queries and servers.

    format: "text", in which greenlets with the same stack form a group, or "json", which has a record of each. Raises
    ValueError for another format.
    """
    if format not in ("text", "json"):
        raise ValueError(f'format must be "text" or "json", not {format!r}')
    output = sys.stderr if file is None else file
    # print() would write to stdout.
    if output is not None:
        print("".join(render(format)), file=output, flush=True)


def render(format: str, check: Callable[[], object] = int) -> list[str]:
    """Return a dump as text or JSON, in pieces. Any thread may call this; it runs no code of the program.

    check: called between the steps; its exception ends the work.
    """
    return [as_text(take(grouped, check))] if format == "text" else json_pieces(take(records_as_json, check))


def failure_text(error: Exception) -> str:
    """Return the answer to a question for a dump that has failed."""
    return f"the dump has failed: {type(error).__name__}: {error}"


def as_text(snapshot: Snapshot[list[GreenletGroup]]) -> str:
    """Return the snapshot as text."""
    groups = sorted(snapshot.greenlets, key=_rank)
    lines = [f"process {snapshot.pid}: {_count(_members(groups), 'greenlet')}", *_frozen(snapshot)]
    for circle in snapshot.deadlocks[:DEADLOCKS]:
        lines += ["", *_circle(f"deadlock of {_count(len(circle), 'greenlet')}:", circle)]
    for each in snapshot.circles[:DEADLOCKS]:
        members = _count(len(each.greenlets), "greenlet")
        head = f"{members} that wait for each other, for at most {each.seconds:.1f} s:"
        lines += ["", *_circle(head, each.greenlets)]
    left = _show(lines, GREENLET_LINES, map(_group, groups), groups)
    if left:
        number = _members(left)
        lines += ["", f"{_count(number, 'greenlet')} more, in {_count(len(left), 'group')}; --json has each"]
    threads = _alike(snapshot.threads)
    others = _show(lines, THREAD_LINES, map(_threads, threads), threads)
    if others:
        lines += ["", f"{_count(sum(map(len, others)), 'native thread')} more"]
    lines += ["", *_hubs(snapshot), _fds(snapshot)]
    lines += _several("DNS query", "DNS queries", list(map(_query, snapshot.queries)))
    lines += _several("pool", "pools", list(map(_pool, sorted(snapshot.pools, key=_room))))
    lines += _several("server", "servers", list(map(_server, snapshot.servers)))
    return "\n".join(map(printable, lines))


def _frozen(snapshot: Snapshot[Any]) -> list[str]:
    if not snapshot.frozen:
        return []
    if not snapshot.missing:
        found = "a search along references has found all parked greenlets"
    else:
        found = (
            f"about {_count(snapshot.missing, 'parked greenlet')}, to which only local variables lead, "
            f"{'is' if snapshot.missing == 1 else 'are'} not shown"
        )
    return [f"gc.freeze() hides {_count(snapshot.frozen, 'object')}: {found}"]


def _show(lines: list[str], limit: int, texts: Iterator[list[str]], groups: list[Any]) -> list[Any]:
    """Add the texts of `groups` as long as there are at most `limit` lines; return the groups that have no room."""
    for place, text in enumerate(texts):
        if place and len(lines) + len(text) >= limit:
            return groups[place:]
        lines += ["", *text]
    return []


def _alike(threads: Iterable[ThreadRecord]) -> list[list[ThreadRecord]]:
    """Return the threads in groups with the same stack."""
    groups: dict[Any, list[ThreadRecord]] = {}
    for each in threads:
        groups.setdefault((each.idle, each.stack), []).append(each)
    return list(groups.values())


def _members(groups: Iterable[GreenletGroup]) -> int:
    return sum(group.size for group in groups)


def _circle(head: str, circle: list[str]) -> list[str]:
    left = len(circle) - NAMES
    lines = [head, *(f"    {text}" for text in circle[:NAMES])]
    return lines if left <= 0 else [*lines, f"    and {left} more"]


def _rank(group: GreenletGroup) -> tuple[int, int]:
    return _ORDER.index(group.first.state), -group.size


def _group(group: GreenletGroup) -> list[str]:
    one = group.first
    head = f"{_count(group.size, 'greenlet')} {one.state} in thread {describe_thread(one.thread)}"
    if one.waits_on:
        head += f", on {one.waits_on}" + (" and others" if group.mixed else "")
    if group.left is not None:
        head += f", for at most {group.left:.1f} s"
    call = one.function
    if group.size == 1 and one.arguments:
        call += f"({', '.join(one.arguments)})"
    lines = [head, f"    {_some(group.names, group.size)}" + (f": {call}" if call else "")]
    if group.requests:
        lines.append(f"    answers {_some(group.requests, group.answered)}")
    if one.spawned_at:
        lines.append(f"    spawned at {one.spawned_at}")
    return lines + _stack(one.stack)


def _some(texts: list[str], number: int) -> str:
    """Return the texts of some members, and how many more of the `number` members there are."""
    more = f" and {number - len(texts)} more" if number > len(texts) else ""
    return f"{', '.join(texts)}{more}"


def _stack(stack: tuple[Place, ...]) -> list[str]:
    lines = [f"      {place}" for place in stack]
    left_out = len(lines) - INNERMOST - OUTERMOST
    if left_out > 1:
        lines[INNERMOST:-OUTERMOST] = [f"      ... {left_out} more frames ..."]
    return lines


def _threads(members: list[ThreadRecord]) -> list[str]:
    one = members[0]
    names = _some([describe_thread(each.thread) for each in members[:NAMES]], len(members))
    if one.idle:
        return [f"{_count(len(members), 'native thread')} of greenrt's, idle: {names}"]
    return [f"{_count(len(members), 'native thread')} without greenlets: {names}", *_stack(one.stack)]


def _hubs(snapshot: Snapshot[Any]) -> list[str]:
    texts = [
        f"hub of thread {describe_thread(hub.thread)}: {_count(hub.timers, 'timer')}, "
        f"{hub.queued} in the run queue, {_count(hub.turns, 'turn')} so far"
        for hub in snapshot.hubs[:MOST]
    ]
    left = len(snapshot.hubs) - MOST
    return texts if left <= 0 else [*texts, f"{_count(left, 'hub')} more"]


def _fds(snapshot: Snapshot[Any]) -> str:
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
