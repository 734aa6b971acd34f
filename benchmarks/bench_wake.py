"""The cost of a wake: two greenlets that set each other's Events, and an Event that wakes 1000 greenlets."""

import sys
from itertools import repeat
from time import perf_counter
from types import ModuleType

from benchmarks.harness.model import Area, Metric, Repeated, Target
from benchmarks.harness.runtimes import Green, sides

CROWD = 1000


def pingpong(g: Green, count: int) -> float:
    ping, pong = g.Event(), g.Event()

    def caller() -> None:
        for _ in repeat(None, count):
            ping.set()
            pong.wait()
            pong.clear()

    def answerer() -> None:
        for _ in repeat(None, count):
            ping.wait()
            ping.clear()
            pong.set()

    start = perf_counter()
    g.joinall([g.spawn(caller), g.spawn(answerer)])
    return perf_counter() - start


async def pingpong_async(aio: ModuleType, count: int) -> float:
    ping, pong = aio.Event(), aio.Event()

    async def caller() -> None:
        for _ in repeat(None, count):
            ping.set()
            await pong.wait()
            pong.clear()

    async def answerer() -> None:
        for _ in repeat(None, count):
            await ping.wait()
            ping.clear()
            pong.set()

    start = perf_counter()
    await aio.gather(caller(), answerer())
    return perf_counter() - start


def crowd(g: Green, count: int) -> float:
    sleep = g.sleep
    gates = [g.Event() for _ in range(count // CROWD)]
    waits = 0

    def worker() -> None:
        nonlocal waits
        for gate in gates:
            waits += 1
            gate.wait()

    workers = [g.spawn(worker) for _ in range(CROWD)]
    while waits < CROWD:
        sleep(0)
    start = perf_counter()
    for turn, gate in enumerate(gates, 1):
        while waits < CROWD * turn:
            sleep(0)
        gate.set()
    g.joinall(workers)
    return perf_counter() - start


async def crowd_async(aio: ModuleType, count: int) -> float:
    sleep = aio.sleep
    gates = [aio.Event() for _ in range(count // CROWD)]
    waits = 0

    async def worker() -> None:
        nonlocal waits
        for gate in gates:
            waits += 1
            await gate.wait()

    workers = [aio.create_task(worker()) for _ in range(CROWD)]
    while waits < CROWD:
        await sleep(0)
    start = perf_counter()
    for turn, gate in enumerate(gates, 1):
        while waits < CROWD * turn:
            await sleep(0)
        gate.set()
    await aio.gather(*workers)
    return perf_counter() - start


AREA = Area(
    "wake",
    "Waking",
    (
        Repeated(
            Metric("pingpong", "Event ping-pong, round trip", targets=(Target(5.0),)),
            sides(pingpong, pingpong_async),
        ),
        Repeated(
            Metric("crowd", "Event wakes 1000 waiters, each"),
            sides(crowd, crowd_async),
            step=CROWD,
        ),
    ),
)

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
