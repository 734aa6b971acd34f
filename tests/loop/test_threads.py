"""Posts from other threads: none lost, none twice, in order, and few wakeups."""

import threading
import time

import pytest

from greenrt._loop.loop import Loop
from greenrt.errors import LoopClosed

THREADS = 4
POSTS = 20_000


@pytest.mark.promised_order
def test_each_runs_once_in_order_of_its_thread(loop):
    seen: list[list[int]] = [[] for _ in range(THREADS)]
    loop.ref()

    def post(mine: list[int]) -> None:
        for number in range(POSTS):
            loop.run_callback_threadsafe(mine.append, number)

    threads = [threading.Thread(target=post, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    while sum(map(len, seen)) < THREADS * POSTS:
        loop.run(once=True)
    for thread in threads:
        thread.join()
    loop.unref()
    assert loop.run() == "idle"
    assert seen == [list(range(POSTS))] * THREADS
    assert loop.wakeups < THREADS * POSTS / 5


def test_one_write_for_many_posts(loop):
    for _ in range(1000):
        loop.run_callback_threadsafe(int)
    assert loop.wakeups == 1
    loop.run()
    loop.run_callback_threadsafe(int)
    assert loop.wakeups == 2


def test_posts_that_race_with_close():
    """Each post either raises LoopClosed or runs; none is dropped."""
    for _ in range(30):
        loop = Loop()
        accepted, ran = [0] * THREADS, [0] * THREADS
        start = threading.Barrier(THREADS + 1)

        def run(number: int, ran: list[int] = ran) -> None:
            ran[number] += 1

        def post(number: int, loop=loop, start=start, run=run, accepted=accepted) -> None:
            start.wait()
            try:
                while True:
                    loop.run_callback_threadsafe(run, number)
                    accepted[number] += 1
            except LoopClosed:
                pass

        threads = [threading.Thread(target=post, args=(n,)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        start.wait()
        time.sleep(0.001)
        loop.close()
        for thread in threads:
            thread.join()
        assert ran == accepted


def test_a_broken_order_of_the_armed_flag_would_be_caught():
    """Why `collect_posts` clears the flag first: every interleaving of a post with a collection, both orders."""

    def lost(collector: list[str]) -> bool:
        poster = ["append", "look"]
        for mask in range(1 << (len(poster) + len(collector))):
            steps = [mask >> bit & 1 for bit in range(len(poster) + len(collector))]
            if sum(steps) != len(poster):
                continue
            # An earlier post was seen already: the flag is up and the loop is awake.
            state = {"queue": 1, "armed": True, "written": False, "taken": 0}
            mine, theirs = iter(poster), iter(collector)
            for step in steps:
                action = next(mine) if step else next(theirs)
                if action == "append":
                    state["queue"] += 1
                elif action == "look":
                    state["written"] |= not state["armed"]
                    state["armed"] = True
                elif action == "clear":
                    state["armed"] = False
                else:
                    state["queue"] = 0
            # The loop goes to sleep now: is anything queued that nobody will wake it for?
            if state["queue"] and not state["written"]:
                return True
        return False

    assert not lost(["clear", "swap"])
    assert lost(["swap", "clear"])
