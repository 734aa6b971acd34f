"""A loop and other threads: breaks, stops, closes."""

import gc
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from support.threads import Beside, in_thread

import greenrt
from greenrt._events import WRITE
from greenrt._loop.loop import BATCH_CALLBACKS, Loop
from greenrt.errors import LoopClosed, WouldDeadlock, WrongThread

from .conftest import Rig

PATIENCE = 30.0


# -- break_ and stop


@pytest.mark.parametrize("verb", ["break_", "stop"])
def test_another_thread_ends_a_run_that_sleeps(loop: Loop, verb: str) -> None:
    loop.ref()
    threading.Timer(0.02, getattr(loop, verb)).start()
    assert loop.run() == {"break_": "broke", "stop": "stopped"}[verb]
    loop.unref()
    assert loop.run() == "idle"


@pytest.mark.parametrize("verb", ["break_", "stop"])
def test_a_signal_handler_ends_a_run_that_sleeps(verb: str) -> None:
    loop = Loop(default=True)
    loop.ref()
    before = signal.signal(signal.SIGALRM, lambda *args: getattr(loop, verb)())
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        assert loop.run() == {"break_": "broke", "stop": "stopped"}[verb]
    finally:
        signal.signal(signal.SIGALRM, before)
        loop.close()


def test_a_break_is_kept_for_the_next_run_and_counts_once(loop: Loop) -> None:
    loop.break_()
    loop.break_()
    assert loop.run() == "broke"
    assert loop.run() == "idle"


@pytest.mark.parametrize("verb", ["break_", "stop"])
def test_a_post_after_a_break_wakes_the_loop(loop: Loop, verb: str) -> None:
    """A break wakes the loop up without a post. The next post must not mistake that for a wake-up of its own."""
    loop.ref()
    getattr(loop, verb)()
    loop.run()
    loop.run(nowait=True)
    loop.ref()
    threading.Timer(0.02, loop.run_callback_threadsafe, (loop.unref,)).start()
    while loop.activecnt == 2:
        loop.run(once=True)
    loop.unref()


def test_a_break_in_prepare_ends_without_a_sleep(loop: Loop) -> None:
    loop.ref()
    prepare = loop.prepare()
    prepare.start(loop.break_)
    assert loop.run() == "broke"
    prepare.close()
    loop.unref()


def test_the_first_of_several_stops_counts(virtual: Rig) -> None:
    loop = virtual.loop
    loop.ref()
    for after in (30.0, 5.0, 20.0):
        in_thread(loop.stop, after)
    began = loop.clock.now()
    assert loop.run() == "stopped"
    assert loop.clock.now() - began == 5.0
    loop.unref()
    assert loop.run() == "idle"


def test_a_timer_that_is_due_with_the_stop_is_called(virtual: Rig) -> None:
    loop, seen = virtual.loop, []
    loop.timer(5).start(seen.append, "timer")
    loop.stop(5)
    assert loop.run() == "stopped"
    assert seen == ["timer"]


def test_stop_runs_all_that_is_ready(loop: Loop) -> None:
    seen = []
    for number in range(3 * BATCH_CALLBACKS):
        loop.run_callback(seen.append, number)
    loop.stop()
    assert loop.run() == "stopped"
    assert len(seen) == 3 * BATCH_CALLBACKS


def test_a_stop_and_then_a_break(virtual: Rig) -> None:
    loop = virtual.loop
    loop.ref()
    loop.stop(5)
    loop.run_callback(loop.break_)
    assert loop.run() == "broke"
    assert loop.run() == "stopped"
    loop.unref()


# -- Hooks that change their list


def test_hooks_that_change_the_list_from_within(loop: Loop) -> None:
    """A prepare watcher stops itself and its successor and starts another one, with effect from the next turn."""
    seen = []
    first, second, third, late = (loop.prepare(ref=False) for _ in range(4))

    def change() -> None:
        seen.append("first")
        first.stop()
        second.finalize(lambda watcher: seen.append("final"))
        late.start(seen.append, "late")

    first.start(change)
    second.start(seen.append, "second")
    third.start(seen.append, "third")
    loop.ref()
    for _ in range(2):
        loop.run(nowait=True)
    loop.unref()
    assert seen.count("final") == 1
    assert [word for word in seen if word != "final"] == ["first", "third", "third", "late"]


# -- close


def test_another_thread_closes_a_loop_that_sleeps() -> None:
    beside = Beside()
    assert beside.loop.close().wait(PATIENCE)
    beside.thread.join()
    assert beside.loop.closed
    again = beside.loop.close()
    assert again.done
    assert again.wait(0)


def test_a_close_waits_for_the_callback_and_blocks_no_caller() -> None:
    beside = Beside()
    began, let_go, order = threading.Event(), threading.Event(), []

    def callback() -> None:
        began.set()
        assert let_go.wait(PATIENCE)
        order.append("callback")

    beside.loop.run_callback_threadsafe(callback)
    assert began.wait(PATIENCE)
    closings = [beside.loop.close() for _ in range(3)]
    beside.loop.run_callback_threadsafe(order.append, "posted")
    assert not any(closing.wait(0.01) for closing in closings)
    assert order == []
    let_go.set()
    assert all(closing.wait(PATIENCE) for closing in closings)
    assert order[0] == "callback"
    assert order.count("posted") == 1
    with pytest.raises(LoopClosed):
        beside.loop.run_callback_threadsafe(print)
    beside.thread.join()


def test_a_callback_closes_its_loop_and_cannot_wait_for_that(loop: Loop, errors: list[BaseException]) -> None:
    seen = []
    watcher = loop.timer(0, 0.001)

    def callback() -> None:
        closing = loop.close()
        seen.append(closing.done)
        watcher.finalize(lambda watcher: seen.append("final"))
        closing.wait()

    watcher.start(callback)
    assert loop.run() == "closed"
    assert isinstance(errors[0], WouldDeadlock)
    assert seen == [False, "final"]


def test_a_finalizer_closes_its_loop(loop: Loop) -> None:
    loop.timer(1).finalize(lambda watcher: loop.close())
    loop.ref()
    assert loop.run() == "closed"


def test_a_loop_whose_thread_is_gone_is_closed_by_the_caller() -> None:
    loop, seen = in_thread(Loop), []
    loop.run_callback_threadsafe(lambda: seen.append(threading.get_ident()))
    in_thread(loop.timer(1).finalize, seen.append)
    assert loop.close().done
    assert seen[0] == threading.get_ident()
    assert len(seen) == 2


def test_close_from_a_finalizer_of_python_on_another_thread() -> None:
    class Holder:
        def __init__(self, loop: Loop) -> None:
            self.loop = loop

        def __del__(self) -> None:
            self.loop.close()

    beside = Beside()
    holder = Holder(beside.loop)
    del holder
    gc.collect()
    beside.thread.join(PATIENCE)
    assert beside.loop.ended


def test_closes_that_race_with_posts() -> None:
    """Each post ran or raised, and each finalizer ran once, whichever thread closed the loop."""
    for _ in range(50):
        beside = Beside()
        loop = beside.loop
        ran, raised, sent, finals, calls = [], [], [], [], []
        start = threading.Barrier(5)

        def post(
            loop: Loop = loop,
            ran: list[object] = ran,
            raised: list[object] = raised,
            sent: list[object] = sent,
            finals: list[object] = finals,
            calls: list[object] = calls,
            start: threading.Barrier = start,
        ) -> None:
            start.wait()
            for _ in range(200):
                loop.timer(1).finalize(finals.append)
                calls.append(None)
                sent.append(None)
                try:
                    loop.run_callback_threadsafe(ran.append, None)
                except LoopClosed:
                    raised.append(None)

        threads = [threading.Thread(target=post) for _ in range(4)]
        for thread in threads:
            thread.start()
        start.wait()
        loop.close()
        for thread in threads:
            thread.join()
        beside.end()
        assert len(ran) + len(raised) == len(sent)
        assert len(finals) == len(set(map(id, finals))) == len(calls)


def test_no_watcher_is_called_by_a_close(loop: Loop, tmp_path: Path) -> None:
    seen = []
    sent = loop.async_()
    sent.start(seen.append, "sent")
    with open(tmp_path / "always ready", "w") as file:
        ready = loop.io(file.fileno(), WRITE)
        ready.start(seen.append, "ready")
        loop.timer(0).start(seen.append, "due")
        loop.timer(1000).feed(0, seen.append, "fed")
        loop.gather(0)
        assert ready.pending
        sent.send()
        loop.close()
    assert seen == ["sent"]
    with pytest.raises(LoopClosed):
        sent.send()


def test_a_hub_whose_loop_is_closed_tells_its_main_greenlet() -> None:
    def body() -> str:
        hub = greenrt.get_hub()
        threading.Timer(0.02, hub.loop.close).start()
        hub.exception_stream = None
        try:
            greenrt.sleep(100)
        except LoopClosed as error:
            return str(error)
        return "no error"

    assert "is closed" in in_thread(body)


def test_the_error_of_a_wrong_thread_names_both(loop: Loop) -> None:
    def use() -> str:
        threading.current_thread().name = "stranger"
        with pytest.raises(WrongThread) as raised:
            loop.run()
        return str(raised.value)

    text = in_thread(use)
    assert "'stranger'" in text
    assert "'MainThread'" in text
    assert "run_callback_threadsafe" in text


def test_the_wait_for_a_close_can_time_out() -> None:
    """The wait ends by its timeout. The loop closes when its thread runs it."""
    loop = Loop()
    assert in_thread(lambda: loop.close().wait(0.01)) is False
    assert not loop.closed
    began = time.monotonic()
    loop.ref()
    assert loop.run() == "closed"
    assert time.monotonic() - began < PATIENCE
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(loop.fileno())
