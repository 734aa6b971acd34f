"""Statistics of a running program: what the runtime counts anyway, and what can be counted when it is asked."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from greenlet import greenlet

from greenrt._bare import instance_namespace, name_of, names_of_module, own_field
from greenrt._events import READ, WRITE
from greenrt._hub.bare import has_ended
from greenrt._hub.current_hub import main_greenlet, threads_with_hub
from greenrt._hub.park import HubCore, parked
from greenrt._hub.report import instances_of
from greenrt._loop.histogram import BOUNDS, Histogram
from greenrt._typing import TYPE_CHECKING, Any
from greenrt.inspect.population import with_mains
from greenrt.inspect.references import References, look
from greenrt.inspect.safe_text import count_of, numbers_of_queue, safe_text, size_of
from greenrt.inspect.sightings import run_state
from greenrt.inspect.waits import fields_of_threadpool, places_of, pools_among
from greenrt.inspect.watchdog import watches
from greenrt.sync.pool import Pool
from greenrt.sync.queue import SimpleQueue
from greenrt.sync.threadpool import all_threadpools

if TYPE_CHECKING:
    from greenrt._hub.hub import Hub

__all__ = [
    "DnsStats",
    "Durations",
    "GreenletPoolStats",
    "HubStats",
    "PoolStats",
    "QueueStats",
    "ServerStats",
    "Stats",
    "WatchStats",
    "fds_by_kind",
    "hub_stats",
    "server_stats",
    "stats",
]


@dataclass(frozen=True, slots=True)
class Durations:
    """How often durations of each size occurred.

    Attributes: `up_to`, the number of durations up to each bound in seconds, and above the bound before; `total`,
    their sum, and `longest`, both in seconds.
    """

    up_to: dict[float, int]
    total: float
    longest: float


@dataclass(frozen=True, slots=True)
class HubStats:
    """What one hub did so far, and what it has now.

    Attributes:
    thread: the identity of its native thread.
    spawned: how many greenlets were scheduled to start in it.
    parked, queued: how many greenlets are parked; how many entries wait in the run queue.
    turns, posts: how many turns the loop has made; how many posts of other threads it has collected.
    timers: how many timers are active, those of waits included.
    readers, writers: for how many file descriptors it waits until they are readable and writable.
    lag: how long the entries of each turn kept the loop from its next poll; None until a `watch` has seen the hub.
    """

    thread: int
    spawned: int
    parked: int
    queued: int
    turns: int
    posts: int
    timers: int
    readers: int
    writers: int
    lag: Durations | None


@dataclass(frozen=True, slots=True)
class PoolStats:
    """One `ThreadPool`: its `threads` now, at most `maxsize`; its `jobs` that have no result yet, of which `queued`
    wait for a thread.
    """

    threads: int
    maxsize: int
    jobs: int
    queued: int


@dataclass(frozen=True, slots=True)
class GreenletPoolStats:
    """One `Pool`: `used` of `size` places, None for no limit; `waiting` greenlets want a place."""

    used: int
    size: int | None
    waiting: int


@dataclass(frozen=True, slots=True)
class QueueStats:
    """One queue of greenrt's, or one `queue.Queue` of a patched program.

    Attributes:
    kind: the name of its class.
    items: how many items it has; None if a subclass keeps them in another way.
    maxsize: the largest number of items, or None if there is no limit.
    getters, putters: how many greenlets wait for an item, and for room.
    """

    kind: str
    items: int | None
    maxsize: int | None
    getters: int
    putters: int


@dataclass(frozen=True, slots=True)
class DnsStats:
    """Questions to name servers, or lookups by the C library: how many were `asked`, how many were `given_up` because
    their last waiter left, the number of `errors` by their class, and the `latency` of those that ended.
    """

    asked: int
    given_up: int
    errors: dict[str, int]
    latency: Durations


@dataclass(frozen=True, slots=True)
class ServerStats:
    """One server that was started.

    Attributes:
    kind: the name of its class.
    address: its address as a text.
    started: whether it accepts.
    accepted: how many connections or datagrams it has accepted.
    connections: how many of its connections are open; for a DatagramServer, 0.
    answered: of a WSGIServer, the number of responses by status, without those to requests that it has refused.
    rejected: the number of connections and requests that it has refused, by reason.
    """

    kind: str
    address: str
    started: bool
    accepted: int
    connections: int
    answered: dict[int, int]
    rejected: dict[str, int]


@dataclass(frozen=True, slots=True)
class WatchStats:
    """One `Watch` that is not closed; see its attributes of the same names."""

    limit: float
    stalls: int
    stalled: float
    longest: float


@dataclass(frozen=True, slots=True)
class Stats:
    """What `stats` returns.

    Attributes:
    pid: the process.
    greenlets: the number of greenlets in each state; see `Record.state`.
    fds: the number of open file descriptors of each kind, such as "socket", "pipe", "file" and "eventpoll"; empty on
        systems without /proc.
    hubs, pools, servers, watches: one entry for each; `pools` are those of native threads.
    greenlet_pools, queues: one entry for each `Pool` of greenlets, and for each queue.
    dns: the questions to name servers.
    library: the lookups by the C library, which the resolvers "thread" and "block" make, and sometimes the others.
    """

    pid: int
    greenlets: dict[str, int] = field(default_factory=dict)
    fds: dict[str, int] = field(default_factory=dict)
    hubs: tuple[HubStats, ...] = ()
    pools: tuple[PoolStats, ...] = ()
    greenlet_pools: tuple[GreenletPoolStats, ...] = ()
    queues: tuple[QueueStats, ...] = ()
    servers: tuple[ServerStats, ...] = ()
    watches: tuple[WatchStats, ...] = ()
    dns: DnsStats | None = None
    library: DnsStats | None = None


def stats() -> Stats:
    """Return statistics of the process. Any thread may call this.

    The numbers that the runtime does not count anyway are counted now: the call takes longer the more greenlets and
    file descriptors there are. Greenlets, pools and queues that `gc.freeze` hides are not counted, unlike
    `HubStats.parked`. It runs no code of the program.
    """
    return look(_stats)


def _stats(references: References) -> Stats:
    found = instances_of(greenlet, Pool, SimpleQueue, *_standard_queue(), drop=references.drop)
    references.kept += found
    return Stats(
        os.getpid(),
        _greenlets([each for each in found if issubclass(type(each), greenlet)]),
        fds_by_kind(),
        tuple(hub_stats(thread, hub) for thread, hub in list(threads_with_hub.items())),
        tuple(
            PoolStats(
                fields["_serving"], fields["_maxsize"], len(fields["_outstanding"]), len(fields["_jobs"])
            )
            for fields in map(fields_of_threadpool, all_threadpools())
        ),
        tuple(GreenletPoolStats(*places_of(each)) for each in pools_among(found)),
        tuple(_queues(found)),
        server_stats(),
        tuple(WatchStats(each.limit, each.stalls, each.stalled, each.longest) for each in watches()),
        _dns("questions"),
        _dns("library"),
    )


def _standard_queue() -> tuple[type, ...]:
    """Return the class `queue.Queue` in a tuple, which is empty if the program has not imported it."""
    kind: Any = names_of_module("queue").get("Queue")
    return (kind,) if issubclass(type(kind), type) else ()


def _queues(found: list[Any]) -> Iterator[QueueStats]:
    standard = _standard_queue()
    for each in found:
        # An object that is half made lacks some attributes.
        with suppress(AttributeError, KeyError):
            if issubclass(type(each), SimpleQueue):
                yield QueueStats(name_of(type(each)), *numbers_of_queue(each))
            elif issubclass(type(each), standard):
                fields = instance_namespace(each) or {}
                yield QueueStats(
                    name_of(type(each)),
                    count_of(fields["queue"]),
                    size_of(fields["maxsize"]) or None,
                    _waiting(fields["not_empty"]),
                    _waiting(fields["not_full"]),
                )


def _waiting(condition: Any) -> int:
    """Return how many waiters a `threading.Condition` has."""
    return count_of((instance_namespace(condition) or {}).get("_waiters")) or 0


def _address(address: Any) -> str:
    """Return the text of a server's address, which a path may be too."""
    return repr(address) if type(address) is str else safe_text(address)


def _greenlets(targets: list[Any]) -> dict[str, int]:
    counts = dict.fromkeys(("running", "ready", "parked", "unstarted", "suspended"), 0)
    mains = {hub.parent for hub in list(threads_with_hub.values())}
    for target in with_mains(targets):
        if not has_ended(target) and not issubclass(type(target), HubCore) and main_greenlet(target) in mains:
            counts[run_state(target, parked(target))] += 1
    return counts


def fds_by_kind() -> dict[str, int]:
    """Return the number of open file descriptors of each kind; empty if they can't be listed."""
    counts: dict[str, int] = {}
    try:
        names = os.listdir("/proc/self/fd")
    except OSError:
        return counts
    for name in names:
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            # The descriptor of this listing, or one that another thread has closed.
            continue
        kind = _kind(target)
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def _kind(target: str) -> str:
    """Return the kind of file that a link in /proc/self/fd names: see proc(5)."""
    if target.startswith("/dev/"):
        return "device"
    if target.startswith("/"):
        return "file"
    kind, _, rest = target.partition(":")
    return rest.strip("[]") if kind == "anon_inode" else kind


def hub_stats(thread: int, hub: "Hub") -> HubStats:
    """Return the statistics of one hub."""
    loop: Any = hub.loop
    wanted = [] if loop.closed else [entry.wanted() for entry in loop.fds.all_entries()]
    return HubStats(
        thread=thread,
        spawned=hub._spawned,
        parked=hub._parked,
        queued=len(loop.ready),
        turns=loop.iteration,
        posts=loop.posts,
        timers=len(loop.timers),
        readers=sum(bool(events & READ) for events in wanted),
        writers=sum(bool(events & WRITE) for events in wanted),
        lag=None if loop.lag is None else _durations(loop.lag),
    )


def _durations(histogram: Histogram) -> Durations:
    return Durations(dict(zip(BOUNDS, histogram.counts, strict=True)), histogram.total, histogram.longest)


def _dns(kind: str) -> DnsStats:
    # A program that has looked up no name need not load the module now.
    module: Any = sys.modules.get("greenrt.dns.counters")
    if module is None:
        return DnsStats(0, 0, {}, _durations(Histogram()))
    counters = getattr(module, kind)
    return DnsStats(counters.asked, counters.given_up, dict(counters.errors), _durations(counters.latency))


def server_stats() -> tuple[ServerStats, ...]:
    """Return the statistics of each server."""
    # A program without servers need not load them now.
    base: Any = sys.modules.get("greenrt.serve.base")
    if base is None:
        return ()
    return tuple(
        ServerStats(
            kind=name_of(type(server)),
            address=_address(fields.get("address")),
            started=own_field(type(server), "started").__get__(server),
            accepted=fields["_accepted"],
            connections=fields["_running"],
            answered={code: count for code, count in enumerate(fields["_answered"]) if count},
            rejected=dict(fields["_rejected"]),
        )
        for server in base.all_servers()
        if (fields := instance_namespace(server)) is not None
    )
