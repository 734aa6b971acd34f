"""The cost of timers: 100 000 started and stopped, and 10 000 greenlets that sleep."""

import sys
from time import perf_counter, process_time
from types import ModuleType

from benchmarks.harness.model import Area, Metric, Once, Repeated
from benchmarks.harness.runtimes import Green, sides

TIMERS = 100_000
NAPS = 5
# A prime step through the deadlines: the order is neither sorted nor reversed, and the same for all rivals.
STRIDE = 7919


def never() -> None:
    raise AssertionError("a stopped timer fired")


def delays(count: int) -> list[float]:
    """Return deadlines from 10 to 11 seconds ahead, in a fixed mixed order."""
    return [10 + index * STRIDE % count / count for index in range(count)]


def stopped(g: Green, count: int) -> float:
    timer, seconds, sleep = g.loop.timer, delays(TIMERS), g.sleep
    start = perf_counter()
    for _ in range(count // TIMERS):
        started = []
        for after in seconds:
            watcher = timer(after)
            watcher.start(never)
            started.append(watcher)
        for watcher in started:
            watcher.stop()
            watcher.close()
        sleep(0)
    return perf_counter() - start


def stopped_eventlet(g: Green, count: int) -> float:
    call, seconds, sleep = g.loop.schedule_call_global, delays(TIMERS), g.sleep
    start = perf_counter()
    for _ in range(count // TIMERS):
        started = [call(after, never) for after in seconds]
        for timer in started:
            timer.cancel()
        sleep(0)
    return perf_counter() - start


async def stopped_async(aio: ModuleType, count: int) -> float:
    call, seconds, sleep = aio.get_running_loop().call_later, delays(TIMERS), aio.sleep
    start = perf_counter()
    for _ in range(count // TIMERS):
        started = [call(after, never) for after in seconds]
        for timer in started:
            timer.cancel()
        await sleep(0)
    return perf_counter() - start


def naps(index: int) -> float:
    """Return how long one greenlet sleeps each time: 1 to 50 ms."""
    return (1 + index * STRIDE % 50) / 1000


# Sleepers wait for the clock, so the measurement is their processor time.


def sleepers(g: Green, count: int) -> dict[str, float]:
    sleep = g.sleep

    def sleeper(seconds: float) -> None:
        for _ in range(NAPS):
            sleep(seconds)

    start = process_time()
    g.joinall([g.spawn(sleeper, naps(index)) for index in range(count)])
    return {"sleepers": (process_time() - start) / (count * NAPS)}


async def sleepers_async(aio: ModuleType, count: int) -> dict[str, float]:
    sleep = aio.sleep

    async def sleeper(seconds: float) -> None:
        for _ in range(NAPS):
            await sleep(seconds)

    start = process_time()
    await aio.gather(*[aio.create_task(sleeper(naps(index))) for index in range(count)])
    return {"sleepers": (process_time() - start) / (count * NAPS)}


AREA = Area(
    "timers",
    "Timers",
    (
        Repeated(
            Metric("stopped", "100 000 timers started, stopped, each"),
            sides(stopped, stopped_async, instead={"eventlet": stopped_eventlet}),
            step=TIMERS,
        ),
        Once(
            "sleepers",
            (Metric("sleepers", "10 000 greenlets sleep, CPU time a sleep"),),
            sides(sleepers, sleepers_async),
            full=10_000,
            smoke=1_000,
        ),
    ),
)

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
