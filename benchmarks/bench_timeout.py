"""The cost of a timeout that does not fire: ``with Timeout(10): pass``."""

import sys
from itertools import repeat
from time import perf_counter
from types import ModuleType

from benchmarks.harness.model import Area, Metric, Repeated, Target
from benchmarks.harness.runtimes import Green, sides

# Loops drop cancelled timers in their turns, and every program has such turns; one turn in so many costs nothing.
BATCH = 100


def unfired(g: Green, count: int) -> float:
    timeout, sleep = g.Timeout, g.sleep
    start = perf_counter()
    for _ in repeat(None, count // BATCH):
        for _ in repeat(None, BATCH):
            with timeout(10):
                pass
        sleep(0)
    return perf_counter() - start


async def unfired_async(aio: ModuleType, count: int) -> float:
    timeout, sleep = aio.timeout, aio.sleep
    start = perf_counter()
    for _ in repeat(None, count // BATCH):
        for _ in repeat(None, BATCH):
            async with timeout(10):
                pass
        await sleep(0)
    return perf_counter() - start


AREA = Area(
    "timeout",
    "Timeouts",
    (
        Repeated(
            Metric("unfired", "with Timeout(10): pass", targets=(Target(5.0),)),
            sides(unfired, unfired_async),
            step=BATCH,
        ),
    ),
)

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
