"""The cost of calls into a loop from native threads: a stream of posts, and single round trips."""

import sys
import threading
from collections.abc import Callable
from itertools import repeat
from time import perf_counter, sleep
from types import ModuleType
from typing import Any

from benchmarks.harness.model import Area, Metric, Repeated, Target
from benchmarks.harness.runtimes import Green, sides

# In gevent, a loop that only waits for posts ends; a wait with a timeout keeps it running.
LIMIT = 600.0

Post = Callable[[Callable[[], None]], Any]


class Countdown:
    """Count callbacks, which all run on the loop's thread, and call ``finished`` after the last one."""

    def __init__(self, count: int, finished: Callable[[], Any]) -> None:
        self.left = count
        self.finished = finished

    def __call__(self) -> None:
        self.left -= 1
        if not self.left:
            self.finished()


def stream(post: Post, callback: Callable[[], None], count: int, threads: int) -> Callable[[], float]:
    """Prepare native threads that post ``count`` callbacks.

    Return a function that starts them and returns the start time.
    """
    barrier = threading.Barrier(threads + 1)

    def poster() -> None:
        barrier.wait()
        for _ in repeat(None, count // threads):
            post(callback)

    for _ in range(threads):
        threading.Thread(target=poster, daemon=True).start()

    # The start of the threads is not part of the measurement.
    while barrier.n_waiting < threads:
        sleep(0.0005)

    def begin() -> float:
        start = perf_counter()
        barrier.wait()
        return start

    return begin


def back_and_forth(post: Post, finished: Callable[[], None], count: int) -> Callable[[], float]:
    """Prepare one native thread that posts, waits until the callback has run, and posts again."""
    begun = threading.Event()

    def poster() -> None:
        answer = threading.Lock()
        answer.acquire()
        begun.wait()
        for _ in repeat(None, count):
            post(answer.release)
            answer.acquire()
        post(finished)

    threading.Thread(target=poster, daemon=True).start()

    def begin() -> float:
        start = perf_counter()
        begun.set()
        return start

    return begin


def posts(threads: int) -> dict[str, Callable[[int], float]]:
    def green(g: Green, count: int) -> float:
        done = g.Event()
        begin = stream(g.loop.run_callback_threadsafe, Countdown(count, done.set), count, threads)
        start = begin()
        if not done.wait(LIMIT):
            raise TimeoutError("posts were lost")
        return perf_counter() - start

    async def coroutine(aio: ModuleType, count: int) -> float:
        done = aio.Event()
        loop = aio.get_running_loop()
        begin = stream(loop.call_soon_threadsafe, Countdown(count, done.set), count, threads)
        start = begin()
        await aio.wait_for(done.wait(), LIMIT)
        return perf_counter() - start

    # eventlet has no thread-safe way into its hub.
    return sides(green, coroutine, without=("eventlet",))


def round_trips() -> dict[str, Callable[[int], float]]:
    def green(g: Green, count: int) -> float:
        done = g.Event()
        start = back_and_forth(g.loop.run_callback_threadsafe, done.set, count)()
        if not done.wait(LIMIT):
            raise TimeoutError("posts were lost")
        return perf_counter() - start

    async def coroutine(aio: ModuleType, count: int) -> float:
        done = aio.Event()
        start = back_and_forth(aio.get_running_loop().call_soon_threadsafe, done.set, count)()
        await aio.wait_for(done.wait(), LIMIT)
        return perf_counter() - start

    return sides(green, coroutine, without=("eventlet",))


AS_FAST_AS_UVLOOP = Target(1.0, "uvloop")

AREA = Area(
    "posts",
    "Posts from native threads",
    (
        Repeated(Metric("one-thread", "1 thread posts, each", targets=(AS_FAST_AS_UVLOOP,)), posts(1)),
        Repeated(
            Metric("four-threads", "4 threads post, each", targets=(AS_FAST_AS_UVLOOP,)), posts(4), step=4
        ),
        Repeated(Metric("round-trip", "post to an idle loop and back"), round_trips()),
    ),
)

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
