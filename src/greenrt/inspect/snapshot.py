"""What the process does at one moment: its greenlets, threads, hubs, fds, pools, queries and servers."""

import os
import resource
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from greenrt._bare import own_field
from greenrt._hub.current_hub import threads_with_hub
from greenrt._hub.deadlock import idle_threads
from greenrt._typing import Any, Generic, TypeVar
from greenrt.inspect.places import Place, Stacks
from greenrt.inspect.population import find
from greenrt.inspect.records import Recorder
from greenrt.inspect.references import References, look
from greenrt.inspect.safe_text import safe_text
from greenrt.inspect.sightings import Sighting, Sightings
from greenrt.inspect.stats import HubStats, ServerStats, fds_by_kind, hub_stats, server_stats
from greenrt.inspect.waits import Waits, places_of, pools_among
from greenrt.sync.threadpool import all_threadpools

__all__ = ["CircleRecord", "PoolRecord", "QueryRecord", "Snapshot", "ThreadRecord", "take"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    """A native thread without a hub. `idle`: it is greenrt's own, and acts only on request."""

    thread: int
    idle: bool
    stack: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class CircleRecord:
    """Greenlets that wait for each other until one gives up, in at most `seconds`. `greenlets`: a text for each."""

    seconds: float
    greenlets: list[str]


@dataclass(frozen=True, slots=True)
class PoolRecord:
    """A Pool or ThreadPool: `used` of `size` places, None for no limit; `waiting` greenlets want a place."""

    pool: str
    used: int
    size: int | None
    waiting: int


@dataclass(frozen=True, slots=True)
class QueryRecord:
    """A DNS query in flight: `name` and `type`, asked `seconds` ago, of one of `servers`.

    For a call of the C library, in a thread, `type` is the name of the function.
    """

    name: str
    type: str
    seconds: float
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[T]):
    """What the process did at one moment.

    `greenlets`: what `take` has collected of them. `frozen`: how many objects gc.freeze() hides, and `missing`: about
    how many parked greenlets among them were not found.

    `deadlocks`: the circles of greenlets that wait for each other for ever, each as a text for each of its greenlets.
    `circles`: those that end. `fds`: the number of file descriptors of each kind, at most `fd_limit`. `queries`: the
    DNS queries in flight.
    """

    pid: int
    deadlocks: list[list[str]]
    circles: list[CircleRecord]
    greenlets: T
    frozen: int
    missing: int
    threads: list[ThreadRecord]
    hubs: list[HubStats]
    fds: dict[str, int]
    fd_limit: int
    pools: list[PoolRecord]
    queries: list[QueryRecord]
    servers: tuple[ServerStats, ...]


def take(
    collect: Callable[[Iterable[Sighting], Recorder], T], check: Callable[[], object] = int
) -> Snapshot[T]:
    """Return a snapshot. Any thread may call this; it runs no code of the program.

    collect: returns what the snapshot has of the greenlets that were sighted. It must use each before it asks for the
        next one.
    check: called between the steps; its exception ends the work.
    """
    return look(lambda references: _take(references, collect, check))


def _take(
    references: References,
    collect: Callable[[Iterable[Sighting], Recorder], T],
    check: Callable[[], object],
) -> Snapshot[T]:
    population = find(references, check)
    groups = population.groups
    waits = Waits(population.targets, groups)
    greenlets = collect(Sightings(references).all(population.targets, check), Recorder(groups, waits))
    circles = waits.circles()
    return Snapshot(
        pid=os.getpid(),
        deadlocks=[texts for left, texts in circles if left is None],
        circles=[CircleRecord(left, texts) for left, texts in circles if left is not None],
        greenlets=greenlets,
        frozen=population.frozen,
        missing=population.missing,
        threads=_threads(references),
        hubs=[hub_stats(ident, hub) for ident, hub in list(threads_with_hub.items())],
        fds=fds_by_kind(),
        fd_limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        pools=[
            *(PoolRecord(safe_text(pool), *places_of(pool)) for pool in pools_among(groups)),
            *(PoolRecord(safe_text(pool), *places_of(pool)) for pool in all_threadpools()),
        ],
        queries=[query for hub in list(threads_with_hub.values()) for query in _queries(hub)],
        servers=server_stats(),
    )


def _threads(references: References) -> list[ThreadRecord]:
    stacks = Stacks()
    return [
        ThreadRecord(ident, ident in idle_threads, stacks.of(frame))
        for ident, frame in references.frames().items()
        if ident not in threads_with_hub
    ]


def _queries(hub: Any) -> list[QueryRecord]:
    # The resolver may be the program's.
    in_flight = own_field(type(hub._resolver), "in_flight")
    return [
        QueryRecord(name if type(name) is str else safe_text(name), *rest)
        for name, *rest in (() if in_flight is None else in_flight(hub._resolver))
    ]
