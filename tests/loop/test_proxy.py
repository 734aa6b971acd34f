"""LoopProxy: the access of other threads to a loop."""

import copy
import gc
import os
import pickle
import threading
import time
import traceback
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from support.child import run_script
from support.threads import in_thread_meanwhile

import greenrt
from greenrt._loop.loop import Loop
from greenrt.errors import BlockingInHub, LoopClosed, WouldDeadlock


class LoopThread:
    """A native thread with a hub, which waits until the test ends it."""

    def __init__(self) -> None:
        self._up = threading.Event()
        self._end = greenrt.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._up.wait()

    def _run(self) -> None:
        self.hub = greenrt.get_hub()
        self.proxy = self.hub.loop.proxy()
        self.ident = threading.get_ident()
        self._up.set()
        self._end.wait()
        self.hub.destroy()

    def end(self) -> None:
        self._end.set()
        self._thread.join()


@pytest.fixture
def other() -> Iterator[LoopThread]:
    made = LoopThread()
    yield made
    made.end()


@pytest.mark.promised_order
def test_posts_run_on_the_loops_thread_in_order(other: LoopThread) -> None:
    seen: list[Any] = []
    for number in range(5000):
        assert other.proxy.post(seen.append, number) is None
    other.proxy.post(lambda: seen.append(threading.get_ident()))
    assert other.proxy.call(len, seen) == 5001
    assert seen == [*range(5000), other.ident]


@pytest.mark.promised_order
def test_posts_run_before_timers_and_fds_that_are_due(hub: greenrt.Hub) -> None:
    """The order of a turn: signals, posts, fds, timers."""
    seen: list[str] = []
    read, write = os.pipe()
    reader = hub.loop.io(read, 1)
    reader.start(lambda: (seen.append("fd"), reader.stop()))
    timer = hub.loop.timer(0.001)
    timer.start(seen.append, "timer")
    thread = threading.Thread(
        target=lambda: (os.write(write, b"x"), hub.loop.proxy().post(seen.append, "post"))
    )
    thread.start()
    # Not the join of a greenlet: the loop must not turn meanwhile.
    thread.join()
    time.sleep(0.02)
    while len(seen) < 3:
        greenrt.sleep(0.001)
    assert seen == ["post", "fd", "timer"]
    reader.close()
    os.close(read)
    os.close(write)


def test_a_storm_of_posts_leaves_timers_their_turn(hub: greenrt.Hub) -> None:
    proxy = hub.loop.proxy()
    stop: list[bool] = []

    def storm() -> None:
        while not stop:
            for _ in range(500):
                proxy.post(int)

    threads = [threading.Thread(target=storm) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        turns = 0
        end = time.monotonic() + 20
        while turns < 50 and time.monotonic() < end:
            greenrt.sleep(0.001)
            turns += 1
    finally:
        stop.append(True)
        for thread in threads:
            thread.join()
    done = greenrt.Event()
    proxy.post(done.set)
    done.wait()
    assert turns == 50


def test_what_is_wrong_is_said_at_the_post(other: LoopThread) -> None:
    with pytest.raises(TypeError, match="callable"):
        other.proxy.post(5)
    with pytest.raises(TypeError, match="callable"):
        other.proxy.call(None)
    for fails in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="can't be pickled"):
            fails(other.proxy)
    assert "LoopProxy" in repr(other.proxy)
    assert f"thread {other.ident:#x}" in repr(other.proxy)


def test_an_error_in_a_post_is_reported_and_the_loop_goes_on(other: LoopThread) -> None:
    reported: list[Any] = []
    other.hub.handle_error = lambda context, kind, value, tb: reported.append(kind)
    other.proxy.post(lambda: 1 / 0)
    assert other.proxy.call(abs, -1) == 1
    assert reported == [ZeroDivisionError]


def test_call_from_greenlets_and_plain_threads(other: LoopThread) -> None:
    assert other.proxy.call(threading.get_ident) == other.ident
    assert in_thread_meanwhile(lambda: other.proxy.call(threading.get_ident)) == other.ident
    turns: list[int] = []
    counting = greenrt.spawn(lambda: [(turns.append(1), greenrt.sleep(0.001)) for _ in range(10_000)])
    other.proxy.call(time.sleep, 0.2)
    counting.kill()
    assert len(turns) > 1

    # A greenlet in the other thread runs a blocking call.
    def blocks() -> int:
        greenrt.sleep(0.001)
        return threading.get_ident()

    assert other.proxy.call(greenrt.spawn, blocks).get() == other.ident
    with pytest.raises(BlockingInHub):
        other.proxy.call(greenrt.sleep, 0.001)


@pytest.mark.parametrize("kind", [ZeroDivisionError, SystemExit, GeneratorExit])
def test_an_error_of_a_call_arrives_with_its_traceback(other: LoopThread, kind: type[BaseException]) -> None:
    def the_culprit() -> None:
        raise kind("on purpose")

    for raised in (
        caught(in_thread_meanwhile, lambda: other.proxy.call(the_culprit)),
        caught(other.proxy.call, the_culprit),
    ):
        assert type(raised) is kind
        assert "the_culprit" in "".join(traceback.format_tb(raised.__traceback__))
    assert other.proxy.call(abs, -1) == 1


def caught(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except BaseException as error:
        return error


def test_a_call_to_the_own_loop_would_deadlock(hub: greenrt.Hub) -> None:
    proxy = hub.loop.proxy()
    with pytest.raises(WouldDeadlock, match="calling thread"):
        proxy.call(int)
    assert isinstance(greenrt.spawn(caught, proxy.call, int).get(), WouldDeadlock)


def test_a_call_out_of_time_is_made_late(other: LoopThread) -> None:
    go = threading.Event()
    seen: list[int] = []
    other.proxy.post(go.wait)
    with pytest.raises(greenrt.Timeout):
        other.proxy.call(seen.append, 1, timeout=0.01)
    assert isinstance(
        caught(in_thread_meanwhile, lambda: other.proxy.call(seen.append, 2, timeout=0)), greenrt.Timeout
    )
    assert seen == []
    go.set()
    other.proxy.call(int, timeout=30)
    assert seen == [1, 2]
    with pytest.raises(ValueError, match="nan"):
        other.proxy.call(int, timeout=float("nan"))


def test_an_error_without_a_waiter_is_reported(other: LoopThread) -> None:
    reported: list[Any] = []
    other.hub.handle_error = lambda context, kind, value, tb: reported.append(kind)
    go = threading.Event()
    other.proxy.post(go.wait)
    with pytest.raises(greenrt.Timeout):
        other.proxy.call(int, "late", timeout=0.01)
    go.set()
    assert other.proxy.call(int, timeout=30) == 0
    assert reported == [ValueError]


def test_a_killed_caller_gets_no_outcome(other: LoopThread) -> None:
    go = threading.Event()
    other.proxy.post(go.wait)
    caller = greenrt.spawn(other.proxy.call, abs, -1)
    greenrt.sleep(0.005)
    caller.kill()
    go.set()
    assert other.proxy.call(abs, -2) == 2
    assert isinstance(caller.value, greenrt.GreenletExit)


def test_after_the_loops_end() -> None:
    loop = Loop()
    proxy = loop.proxy()
    seen: list[int] = []
    proxy.post(seen.append, 1)
    loop.close()
    assert seen == [1]
    for fails in (proxy.post, proxy.call):
        with pytest.raises(LoopClosed, match="closed"):
            fails(int)
    loop_is_gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert loop_is_gone() is None
    for fails in (proxy.post, proxy.call):
        with pytest.raises(LoopClosed, match="gone"):
            fails(int)
    assert "gone" in repr(proxy)


def test_a_call_that_the_close_meets_is_made() -> None:
    """Each caller from before the close gets an answer, also from a loop that never ran."""
    loop = Loop()
    proxy = loop.proxy()
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(caught(proxy.call, abs, -1))) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(loop.ready) < 4:
        loop.collect_posts()
        time.sleep(0.001)
    loop.close()
    for thread in threads:
        thread.join()
    assert answers == [1] * 4


def test_a_call_that_a_loop_drops_raises() -> None:
    """A loop that ends without a close, or drops posts while it closes."""
    loop = Loop()
    proxy = loop.proxy()
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(caught(proxy.call, abs, -1)))
    thread.start()
    while not len(loop.ready):
        loop.collect_posts()
        time.sleep(0.001)
    loop.ready.clear()
    thread.join()
    assert isinstance(answers[0], LoopClosed)
    loop.close()


def test_many_proxies_cost_no_fd() -> None:
    loop = Loop()
    before = len(os.listdir("/proc/self/fd"))
    made = in_thread_meanwhile(lambda: [loop.proxy() for _ in range(100_000)])
    assert len(os.listdir("/proc/self/fd")) == before
    made[-1].post(int)
    loop.close()
    assert isinstance(caught(made[0].post, int), LoopClosed)


class Traced:
    """Records the thread in which it is destroyed."""

    __slots__ = ("deaths",)

    def __init__(self, deaths: list[int]) -> None:
        self.deaths = deaths

    def __del__(self) -> None:
        self.deaths.append(threading.get_ident())


def ignore(*things: Any) -> None:
    pass


def test_what_was_posted_dies_on_the_loops_thread(other: LoopThread) -> None:
    deaths: list[int] = []
    count = 5000
    for _ in range(count):
        other.proxy.post(ignore, Traced(deaths))
    other.proxy.call(int)
    assert len(deaths) == count
    assert set(deaths) == {other.ident}


def test_what_a_closing_loop_finds_dies_on_its_thread() -> None:
    deaths: list[int] = []
    loop = Loop()
    proxy = loop.proxy()
    in_thread_meanwhile(lambda: [proxy.post(ignore, Traced(deaths)) for _ in range(100)] and None)
    assert deaths == []
    loop.close()
    assert deaths == [threading.get_ident()] * 100


def test_a_post_made_by_a_post_while_the_loop_closes_raises() -> None:
    loop = Loop()
    proxy = loop.proxy()
    raised: list[Any] = []
    proxy.post(lambda: raised.append(caught(proxy.post, int)))
    loop.close()
    assert isinstance(raised[0], LoopClosed)


def test_the_child_of_a_fork_has_the_forking_threads_loop_only() -> None:
    out, _ = run_script("""
        import os, threading, time, warnings
        warnings.simplefilter("ignore")
        import greenrt
        from greenrt._loop.loop import Loop
        from greenrt.errors import LoopClosed

        hubs, end = [], greenrt.Event()
        def other():
            hubs.append(greenrt.get_hub())
            end.wait()
        thread = threading.Thread(target=other)
        thread.start()
        while not hubs:
            greenrt.sleep(0.001)
        theirs, mine = hubs[0].loop.proxy(), greenrt.get_hub().loop.proxy()
        assert theirs.call(abs, -1) == 1
        forked = threading.Event()
        theirs.post(forked.wait)
        queued = greenrt.spawn(theirs.call, abs, -1)
        greenrt.sleep(0.01)

        pid = os.fork()
        if pid == 0:
            for fails in (theirs.post, theirs.call):
                try:
                    fails(int)
                except LoopClosed as error:
                    print("closed", flush=True)
            seen = []
            greenrt.get_hub().loop.reinit()
            mine.post(seen.append, 1)
            greenrt.sleep(0.01)
            print(seen, queued.exception, flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        forked.set()
        assert theirs.call(abs, -1) == 1 == queued.get()
        end.set()
        thread.join()
    """)
    lines = out.split("\n")
    assert lines[:2] == ["closed"] * 2
    assert lines[2].startswith("[1] ")
    assert "the child of a fork does not have" in lines[2]
