"""The cost of queues, locks and greenlet-locals without waiting, and of a queue where both sides wait."""

import sys
from itertools import repeat
from time import perf_counter
from types import ModuleType

from benchmarks.harness.model import Area, Metric, Repeated, Target
from benchmarks.harness.runtimes import Green, sides

NEVER_SLOWER = Target(1.0)
# greenrt's Semaphore is safe across native threads. It may cost 1.15 times as much as gevent's, which is not.
SAFE_SEMAPHORE = Target(round(1 / 1.15, 2))
BOUND = 10


def queue_between(g: Green, count: int) -> float:
    queue = g.Queue(BOUND)

    def producer() -> None:
        put = queue.put
        for _ in repeat(None, count):
            put(None)

    def consumer() -> None:
        get = queue.get
        for _ in repeat(None, count):
            get()

    start = perf_counter()
    g.joinall([g.spawn(producer), g.spawn(consumer)])
    return perf_counter() - start


async def queue_between_async(aio: ModuleType, count: int) -> float:
    queue = aio.Queue(BOUND)

    async def producer() -> None:
        put = queue.put
        for _ in repeat(None, count):
            await put(None)

    async def consumer() -> None:
        get = queue.get
        for _ in repeat(None, count):
            await get()

    start = perf_counter()
    await aio.gather(producer(), consumer())
    return perf_counter() - start


def queue_alone(g: Green, count: int) -> float:
    queue = g.Queue(BOUND)
    put, get = queue.put, queue.get
    start = perf_counter()
    for _ in repeat(None, count):
        put(None)
        get()
    return perf_counter() - start


async def queue_alone_async(aio: ModuleType, count: int) -> float:
    queue = aio.Queue(BOUND)
    put, get = queue.put, queue.get
    start = perf_counter()
    for _ in repeat(None, count):
        await put(None)
        await get()
    return perf_counter() - start


def semaphore(g: Green, count: int) -> float:
    lock = g.Semaphore()
    start = perf_counter()
    for _ in repeat(None, count):
        lock.acquire()
        lock.release()
    return perf_counter() - start


async def semaphore_async(aio: ModuleType, count: int) -> float:
    lock = aio.Semaphore()
    start = perf_counter()
    for _ in repeat(None, count):
        await lock.acquire()
        lock.release()
    return perf_counter() - start


def rlock(g: Green, count: int) -> float:
    assert g.RLock is not None
    lock = g.RLock()
    start = perf_counter()
    for _ in repeat(None, count):
        lock.acquire()
        lock.release()
    return perf_counter() - start


def local(g: Green, count: int) -> float:
    data = g.local()
    start = perf_counter()
    for number in repeat(1, count):
        data.value = number
        data.value  # noqa: B018  (the read is measured)
    return perf_counter() - start


AREA = Area(
    "sync",
    "Queues, locks, locals",
    (
        Repeated(
            Metric("queue-between", f"Queue({BOUND}), put + get, two greenlets", targets=(NEVER_SLOWER,)),
            sides(queue_between, queue_between_async),
        ),
        Repeated(
            Metric("queue-alone", f"Queue({BOUND}), put + get, uncontended", targets=(NEVER_SLOWER,)),
            sides(queue_alone, queue_alone_async),
        ),
        Repeated(
            Metric("semaphore", "Semaphore pair, uncontended", targets=(SAFE_SEMAPHORE,)),
            sides(semaphore, semaphore_async),
        ),
        # eventlet has no RLock of its own; asyncio has neither RLock nor task-locals.
        Repeated(
            Metric("rlock", "RLock pair, uncontended", targets=(NEVER_SLOWER,)),
            sides(rlock, without=("eventlet",)),
        ),
        Repeated(Metric("local", "local, set + get", targets=(NEVER_SLOWER,)), sides(local)),
    ),
)

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
