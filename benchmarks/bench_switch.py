"""The cost of a switch: ``sleep(0)`` in a single greenlet, and among 1000 of them."""

import sys
from itertools import repeat
from time import perf_counter
from types import ModuleType

from benchmarks.harness.model import Area, Metric, Repeated, Target
from benchmarks.harness.runtimes import Green, sides

CROWD = 1000


def alone(g: Green, count: int) -> float:
    sleep = g.sleep
    start = perf_counter()
    for _ in repeat(None, count):
        sleep(0)
    return perf_counter() - start


async def alone_async(aio: ModuleType, count: int) -> float:
    sleep = aio.sleep
    start = perf_counter()
    for _ in repeat(None, count):
        await sleep(0)
    return perf_counter() - start


def crowd(g: Green, count: int) -> float:
    sleep, gate, each = g.sleep, g.Event(), count // CROWD
    ready = 0

    def worker() -> None:
        nonlocal ready
        ready += 1
        gate.wait()
        for _ in repeat(None, each):
            sleep(0)

    workers = [g.spawn(worker) for _ in range(CROWD)]
    while ready < CROWD:
        sleep(0)
    start = perf_counter()
    gate.set()
    g.joinall(workers)
    return perf_counter() - start


async def crowd_async(aio: ModuleType, count: int) -> float:
    sleep, gate, each = aio.sleep, aio.Event(), count // CROWD
    ready = 0

    async def worker() -> None:
        nonlocal ready
        ready += 1
        await gate.wait()
        for _ in repeat(None, each):
            await sleep(0)

    workers = [aio.create_task(worker()) for _ in range(CROWD)]
    while ready < CROWD:
        await sleep(0)
    start = perf_counter()
    gate.set()
    await aio.gather(*workers)
    return perf_counter() - start


AREA = Area(
    "switch",
    "Switching",
    (
        Repeated(
            Metric("alone", "sleep(0), one greenlet", targets=(Target(5.0),)), sides(alone, alone_async)
        ),
        Repeated(
            Metric("crowd", "sleep(0), 1000 greenlets", targets=(Target(4.0),)),
            sides(crowd, crowd_async),
            step=CROWD,
        ),
    ),
)

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
