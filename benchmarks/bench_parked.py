"""The cost of many concurrent waits: 100 000 greenlets parked in a Python function, then woken and finished."""

import os
import sys
from pathlib import Path
from time import perf_counter
from types import ModuleType

from benchmarks.harness.model import Area, Metric, Once, Target
from benchmarks.harness.runtimes import Green, sides
from benchmarks.harness.units import BYTES


def resident() -> int:
    """Return the resident memory of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def each(count: int, park: float, held: int, finish: float) -> dict[str, float]:
    return {"park": park / count, "bytes": held / count, "finish": finish / count}


def parked(g: Green, count: int) -> dict[str, float]:
    gate, spawn, sleep = g.Event(), g.spawn, g.sleep
    waiting = 0

    def park() -> None:
        nonlocal waiting
        waiting += 1
        gate.wait()

    # One greenlet completes first: imports and cold caches are not part of a greenlet's cost.
    first = spawn(park)
    while not waiting:
        sleep(0)
    gate.set()
    g.joinall([first])
    gate.clear()
    waiting = 0

    before, began = resident(), perf_counter()
    workers = [spawn(park) for _ in range(count)]
    while waiting < count:
        sleep(0)
    filling = perf_counter() - began
    held = resident() - before
    began = perf_counter()
    gate.set()
    g.joinall(workers)
    return each(count, filling, held, perf_counter() - began)


async def parked_async(aio: ModuleType, count: int) -> dict[str, float]:
    gate, spawn, sleep = aio.Event(), aio.create_task, aio.sleep
    waiting = 0

    async def park() -> None:
        nonlocal waiting
        waiting += 1
        await gate.wait()

    first = spawn(park())
    while not waiting:
        await sleep(0)
    gate.set()
    await first
    gate.clear()
    waiting = 0

    before, began = resident(), perf_counter()
    workers = [spawn(park()) for _ in range(count)]
    while waiting < count:
        await sleep(0)
    filling = perf_counter() - began
    held = resident() - before
    began = perf_counter()
    gate.set()
    await aio.gather(*workers)
    return each(count, filling, held, perf_counter() - began)


AREA = Area(
    "parked",
    "Parked greenlets",
    (
        Once(
            "parked",
            (
                Metric("park", "100 000 created and parked, each", targets=(Target(3.0),)),
                # At most 0.95 of gevent's bytes.
                Metric("bytes", "  memory of each", BYTES, targets=(Target(round(1 / 0.95, 2)),)),
                Metric("finish", "  then woken and finished, each", targets=(Target(8.0),)),
            ),
            sides(parked, parked_async),
            full=100_000,
            smoke=1_000,
        ),
    ),
)

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
