"""Posts from other threads: none is lost, none runs twice, all run in order, and there are few wake-ups."""

import os
import pickle
import resource
import select
import sys
import threading
import time
from collections.abc import Callable

import pytest

from greenrt._loop.loop import Loop
from greenrt._loop.wakeup import Wakeup
from greenrt.errors import LoopClosed

THREADS = 4
POSTS = 20_000


@pytest.mark.promised_order
def test_each_runs_once_in_order_of_its_thread(loop: Loop) -> None:
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


def test_one_write_for_many_posts(loop: Loop) -> None:
    for _ in range(1000):
        loop.run_callback_threadsafe(int)
    assert loop.wakeups == 1
    loop.run()
    loop.run_callback_threadsafe(int)
    assert loop.wakeups == 2


def test_posts_that_race_with_close() -> None:
    """Each post either raises LoopClosed or runs; none is dropped."""
    for _ in range(30):
        loop = Loop()
        accepted, ran = [0] * THREADS, [0] * THREADS
        start = threading.Barrier(THREADS + 1)

        def run(number: int, ran: list[int] = ran) -> None:
            ran[number] += 1

        def post(
            number: int,
            loop: Loop = loop,
            start: threading.Barrier = start,
            run: Callable[[int], None] = run,
            accepted: list[int] = accepted,
        ) -> None:
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


def test_a_broken_order_of_the_armed_flag_would_be_caught() -> None:
    """The reason why `collect_posts` clears the flag first: each interleaving of a post and a collection."""

    def lost(collector: list[str]) -> bool:
        poster = ["append", "look"]
        for mask in range(1 << (len(poster) + len(collector))):
            steps = [mask >> bit & 1 for bit in range(len(poster) + len(collector))]
            if sum(steps) != len(poster):
                continue
            # The loop has seen an earlier post: the flag is set and the loop is awake.
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
            # The loop goes to sleep now. Is an entry queued, without a wake-up to come?
            if state["queue"] and not state["written"]:
                return True
        return False

    assert not lost(["clear", "swap"])
    assert lost(["swap", "clear"])


def test_a_post_needs_no_fd(loop: Loop) -> None:
    """The wakeup object is made with the loop, so that a post can't fail when no fd is free."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    seen: list[str] = []
    timer = loop.timer(30)
    timer.start(seen.append, "late")
    used = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, hard))
    filling = []
    try:
        try:
            while True:
                filling.append(os.dup(0))
        except OSError:
            pass
        thread = threading.Thread(
            target=lambda: (time.sleep(0.02), loop.run_callback_threadsafe(seen.append, "post"))
        )
        thread.start()
        loop.run(once=True)
        thread.join()
    finally:
        for fd in filling:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    timer.stop()
    loop.run()
    assert seen == ["post"]


@pytest.mark.parametrize("way", ["eventfd", "pipe"])
def test_a_wakeup_that_is_full(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full eventfd rejects another write, but has woken up the loop already."""
    if way == "pipe":
        monkeypatch.delattr(os, "eventfd")
    wakeup = Wakeup()
    if way == "eventfd":
        # The largest value that it accepts (eventfd(2)).
        os.write(wakeup.fd, (2**64 - 2).to_bytes(8, sys.byteorder))
    for _ in range(70_000):
        wakeup.send()
    assert select.select([wakeup.fd], [], [], 0)[0]
    wakeup.drain()
    assert not select.select([wakeup.fd], [], [], 0)[0]
    wakeup.send()
    assert select.select([wakeup.fd], [], [], 0)[0]
    wakeup.close()


def test_a_post_by_the_owner_keeps_the_loop_from_sleeping(loop: Loop) -> None:
    """In a callback, and in a prepare watcher, when posts were collected already."""
    seen: list[str] = []
    timer = loop.timer(30)
    timer.start(seen.append, "late")
    loop.run_callback(loop.run_callback_threadsafe, seen.append, "by a callback")
    loop.run(once=True)
    loop.run(once=True)
    prepare = loop.prepare()
    prepare.start(lambda: (prepare.stop(), loop.run_callback_threadsafe(seen.append, "by prepare")))
    loop.run(once=True)
    if len(seen) < 2:
        loop.run(once=True)
    assert seen == ["by a callback", "by prepare"]
    timer.stop()


def test_stops_from_four_threads(loop: Loop) -> None:
    """One run ends, and no effect on the next run remains."""
    timer = loop.timer(30)
    timer.start(print)
    gate = threading.Barrier(4)
    threads = [threading.Thread(target=lambda: (gate.wait(), loop.stop())) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert loop.run() == "stopped"
    for thread in threads:
        thread.join()
    while loop.run(nowait=True) == "stopped":
        pass
    assert loop.run(nowait=True) == "once"
    timer.stop()


def test_posts_do_not_keep_an_idle_watcher_away(loop: Loop) -> None:
    """The idle callback runs when nothing else is ready, and a break in it ends the run."""
    seen: list[str] = []
    with loop.idle() as idle:
        idle.start(lambda: (seen.append("idle"), loop.break_()))
        for _ in range(3000):
            loop.run_callback_threadsafe(int)
        assert loop.run() == "broke"
    assert seen == ["idle"]


def test_an_async_watcher_of_a_closed_loop() -> None:
    loop = Loop()
    watcher = loop.async_()
    watcher.start(print)
    loop.close()
    for _ in range(2):
        with pytest.raises(LoopClosed):
            watcher.send()


def test_a_proxy_stays_in_its_process(loop: Loop) -> None:
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(loop.proxy())


def test_messages_through_a_pipe(loop: Loop) -> None:
    """A plain io watcher: parts of messages, and the end of the writer."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    got: list[bytes] = []
    watcher = loop.io(reader, 1)

    def read() -> None:
        data = os.read(reader, 7)
        got.append(data)
        if not data:
            watcher.stop()

    def write() -> None:
        for part in (b"a mess", b"age and", b" another one"):
            os.write(writer, part)
            time.sleep(0.01)
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    watcher.start(read)
    assert loop.run() == "idle"
    thread.join()
    os.close(reader)
    assert b"".join(got) == b"a message and another one"
    assert got[-1] == b""
    assert max(map(len, got)) <= 7
