"""The cost of a greenlet's life: 10 000 spawned and joined together, and in sequence."""

import sys
from itertools import repeat
from time import perf_counter
from types import ModuleType

from benchmarks.harness.model import Area, Metric, Repeated, Target
from benchmarks.harness.runtimes import Green, sides

BATCH = 10_000


def noop() -> None:
    pass


async def noop_async() -> None:
    pass


def together(g: Green, count: int) -> float:
    spawn, joinall = g.spawn, g.joinall
    start = perf_counter()
    for _ in repeat(None, count // BATCH):
        joinall([spawn(noop) for _ in range(BATCH)])
    return perf_counter() - start


async def together_async(aio: ModuleType, count: int) -> float:
    spawn, gather = aio.create_task, aio.gather
    start = perf_counter()
    for _ in repeat(None, count // BATCH):
        await gather(*[spawn(noop_async()) for _ in range(BATCH)])
    return perf_counter() - start


def in_turn(g: Green, count: int) -> float:
    spawn = g.spawn
    start = perf_counter()
    for _ in repeat(None, count):
        spawn(noop).join()
    return perf_counter() - start


def in_turn_eventlet(g: Green, count: int) -> float:
    spawn = g.spawn
    start = perf_counter()
    for _ in repeat(None, count):
        spawn(noop).wait()
    return perf_counter() - start


async def in_turn_async(aio: ModuleType, count: int) -> float:
    spawn = aio.create_task
    start = perf_counter()
    for _ in repeat(None, count):
        await spawn(noop_async())
    return perf_counter() - start


AREA = Area(
    "spawn",
    "Spawning",
    (
        Repeated(
            Metric("together", "spawn + joinall of 10 000, each", targets=(Target(8.0),)),
            sides(together, together_async),
            step=BATCH,
        ),
        Repeated(
            Metric("in-turn", "spawn().join() in turn", targets=(Target(5.0),)),
            sides(in_turn, in_turn_async, instead={"eventlet": in_turn_eventlet}),
        ),
    ),
)

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
