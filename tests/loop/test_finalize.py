"""The end of watchers: stop from any thread, and finalizers."""

import ctypes
import gc
import signal
import socket
import threading
import time
import weakref
from collections.abc import Iterator

import pytest
from support.threads import Beside, in_thread

import greenrt
from greenrt import _log
from greenrt._events import READ, TIMER
from greenrt._loop.loop import Loop
from greenrt._loop.watchers.base import Watcher
from greenrt._loop.watchers.timer import Timer
from greenrt.errors import Finalized, LoopClosed, WouldDeadlock


@pytest.fixture
def beside() -> Iterator[Beside]:
    """A loop that runs in a thread of its own, and pauses on request."""
    made = Beside()
    yield made
    made.end()


class Busy:
    """A callback that runs until it is released."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.let_go = threading.Event()
        self.ended = False
        self.calls = 0

    def __call__(self, *args: object) -> None:
        self.calls += 1
        self.began.set()
        assert self.let_go.wait(20)
        self.ended = True


def busy_watcher(beside: Beside) -> tuple[Busy, object]:
    busy = Busy()
    watcher = beside.do(lambda: beside.loop.timer(0, 0.001))
    beside.do(watcher.start, busy)
    assert busy.began.wait(20)
    return busy, watcher


# -- stop


def test_stop_on_the_own_thread_is_done_at_once(loop: Loop) -> None:
    seen = []
    watcher = loop.timer(0)
    assert watcher.stop().done
    watcher.start(seen.append, 1)
    loop.run_callback(watcher.stop)
    loop.gather(0)
    assert watcher.pending
    assert watcher.stop().wait(0)
    assert loop.run() == "idle"
    assert watcher.stop(wait=True).done
    assert seen == []


def test_a_callback_stops_its_sibling_that_is_queued(loop: Loop) -> None:
    seen = []
    one, other = loop.timer(0), loop.timer(0)
    for watcher, rest in ((one, other), (other, one)):
        watcher.start(lambda watcher=watcher, rest=rest: (seen.append(watcher), rest.stop()))
    loop.run()
    assert len(seen) == 1


def test_a_foreign_stop_does_not_wait_for_the_callback(beside: Beside) -> None:
    busy, watcher = busy_watcher(beside)
    stopping = watcher.stop()
    assert not stopping.done
    assert not stopping.wait(0.01)
    assert "pending" in repr(stopping)
    busy.let_go.set()
    assert stopping.wait(20)
    assert busy.ended
    calls = busy.calls
    assert not watcher.active
    beside.do(lambda: None)
    assert busy.calls == calls


def test_a_foreign_stop_that_waits(beside: Beside) -> None:
    busy, watcher = busy_watcher(beside)
    assert not watcher.stop(wait=True, timeout=0.01).done
    threading.Timer(0.02, busy.let_go.set).start()
    assert watcher.stop(wait=True).done
    assert busy.ended


def test_a_greenlet_of_another_loop_waits_cooperatively(beside: Beside) -> None:
    busy, watcher = busy_watcher(beside)
    seen = []
    waiter = greenrt.spawn(lambda: seen.append(watcher.stop().wait()))
    greenrt.sleep(0)
    assert seen == []
    busy.let_go.set()
    waiter.join(20)
    assert seen == [True]


def test_a_foreign_close_is_for_good(beside: Beside) -> None:
    busy, watcher = busy_watcher(beside)
    busy.let_go.set()
    assert watcher.close().wait(20)
    with pytest.raises(ValueError, match="is closed"):
        beside.do(watcher.start, print)


def test_a_callback_cannot_wait_for_its_own_end(loop: Loop, errors: list[BaseException]) -> None:
    watcher = loop.timer(0)
    watcher.start(lambda: watcher.stop(wait=True))
    loop.run()
    assert isinstance(errors[0], WouldDeadlock)
    assert "can't wait for its own end" in str(errors[0])


def test_a_stopping_that_is_waited_for_by_the_loops_own_thread(
    loop: Loop, errors: list[BaseException]
) -> None:
    """No other thread would do it. So the wait does it, except in the callback itself."""
    watcher = loop.timer(0)
    watcher.start(print)
    assert in_thread(watcher.stop).wait()
    assert not watcher.active
    watcher.start(lambda: in_thread(watcher.stop).wait())
    loop.run()
    assert isinstance(errors[0], WouldDeadlock)


def test_two_callbacks_that_wait_for_each_others_end(beside: Beside) -> None:
    """At least one of the two detects a cycle of waits, and then the other continues."""
    other = Beside()
    outcomes = []
    both = threading.Barrier(2)

    def stop_other(watcher: Watcher) -> None:
        both.wait()
        try:
            outcomes.append(watcher.stop(wait=True).done)
        except WouldDeadlock as error:
            outcomes.append(error)

    try:
        one_timer, other_timer = (
            beside.do(lambda: beside.loop.timer(0)),
            other.do(lambda: other.loop.timer(0)),
        )
        beside.do(one_timer.start, stop_other, other_timer)
        other.do(other_timer.start, stop_other, one_timer)
        other.do(lambda: None)
        beside.do(lambda: None)
    finally:
        other.end()
    assert any(isinstance(outcome, WouldDeadlock) for outcome in outcomes)
    assert len(outcomes) == 2


@pytest.mark.parametrize("what", ["stop", "call"])
def test_asked_of_a_loop_whose_thread_ended_and_left_it_open(what: str) -> None:
    left, seen = [], []

    def work() -> None:
        loop = Loop()
        watcher = loop.timer(1000)
        watcher.start(print)
        left.extend((loop, watcher))

    in_thread(work)
    loop, watcher = left
    loop.run_callback_threadsafe(seen.append, "posted")
    if what == "stop":
        assert watcher.stop(wait=True, timeout=20).done
    else:
        with pytest.raises(LoopClosed):
            loop.proxy().call(int, timeout=20)
    assert seen == ["posted"]
    assert loop.closed


def test_stop_after_the_end_of_the_loop_is_quiet() -> None:
    loop = Loop()
    watcher = loop.timer(1)
    watcher.start(print)
    loop.close()
    assert in_thread(lambda: watcher.stop(wait=True)).done
    assert in_thread(watcher.close).done
    assert watcher.stop().done


# -- finalize


def states(loop: Loop, watcher: Watcher, seen: list[object]) -> Iterator[str]:
    """Bring a timer into each state in which a finalizer may find it."""
    yield "stopped"
    watcher.start(seen.append, "callback")
    yield "active"
    watcher.stop()
    watcher.start(seen.append, "callback")
    loop.timers.remove(watcher)
    watcher.fire(TIMER)
    yield "pending"


@pytest.mark.parametrize("state", ["stopped", "active", "pending"])
@pytest.mark.parametrize("where", ["own", "foreign"])
def test_the_finalizer_runs_once_on_the_loops_thread(loop: Loop, state: str, where: str) -> None:
    seen = []
    watcher = loop.timer(0)
    for name in states(loop, watcher, seen):
        if name == state:
            break

    def final(given: Watcher) -> None:
        seen.append((given, threading.get_ident()))

    def call() -> bool:
        return watcher.finalize(final)

    assert (call() if where == "own" else in_thread(call)) is False
    assert seen == []
    assert loop.run() == "idle"
    assert seen == [(watcher, threading.get_ident())]
    assert "finalized" in repr(watcher)


def test_a_finalizer_waits_for_the_callback(beside: Beside) -> None:
    busy, watcher = busy_watcher(beside)
    order = []
    began = time.monotonic()
    assert watcher.finalize(lambda watcher: order.append(busy.ended)) is False
    assert time.monotonic() - began < 10
    assert order == []
    busy.let_go.set()
    beside.do(lambda: None)
    assert order == [True]
    assert busy.calls == 1


@pytest.mark.parametrize("immediate", [False, True])
def test_a_callback_finalizes_its_watcher(loop: Loop, immediate: bool) -> None:
    order = []
    watcher = loop.timer(0, 0.001)

    def callback() -> None:
        order.append(watcher.finalize(lambda watcher: order.append("final"), immediate=immediate))
        order.append("end of callback")

    watcher.start(callback)
    loop.run()
    assert order == [False, "end of callback", "final"]


def test_immediate(loop: Loop) -> None:
    order = []
    one, other = loop.timer(0), loop.timer(0)
    assert one.finalize(order.append, immediate=True) is True
    assert order == [one]
    third = loop.timer(0)
    third.start(lambda: order.append(other.finalize(order.append, immediate=True)))
    loop.run()
    assert order == [one, other, True]
    assert in_thread(lambda: third.finalize(order.append, immediate=True)) is False
    loop.run()
    assert order[-1] is third


def test_a_signal_handler_finalizes(loop: Loop) -> None:
    seen = []
    watcher = loop.timer(1000)
    watcher.start(seen.append, "callback")
    before = signal.signal(signal.SIGUSR1, lambda *args: watcher.finalize(seen.append))
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    loop.run()
    assert seen == [watcher]


def test_a_signal_handler_finalizes_while_the_loop_sleeps() -> None:
    loop, seen = Loop(default=True), []
    watcher = loop.timer(1000)
    watcher.start(print)
    before = signal.signal(signal.SIGALRM, lambda *args: watcher.finalize(seen.append))
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        loop.run()
    finally:
        signal.signal(signal.SIGALRM, before)
        loop.close()
    assert seen == [watcher]


def test_a_finalized_watcher_refuses_and_its_ends_are_quiet(beside: Beside) -> None:
    seen = []
    watcher = beside.do(lambda: beside.loop.timer(0))
    busy, _ = busy_watcher(beside)
    watcher.finalize(seen.append)
    for stage in ("finalizing", "dead"):
        if stage == "dead":
            busy.let_go.set()
            beside.do(lambda: None)
            assert seen == [watcher]
            with pytest.raises(Finalized, match="new watcher"):
                beside.do(watcher.start, print)
        with pytest.raises(Finalized, match="finalized already"):
            watcher.finalize(seen.append)
        assert watcher.finalize() is False
        watcher.stop()
        watcher.close()
    assert beside.do(lambda: (watcher.stop().done, watcher.close().done, watcher.finalize())) == (
        True,
        True,
        False,
    )
    assert seen == [watcher]


def test_of_two_threads_that_finalize_one_wins(beside: Beside) -> None:
    rounds, wins, losses, seen = 300, [], [], []
    watchers = [beside.do(lambda: beside.loop.timer(1)) for _ in range(rounds)]
    start = threading.Barrier(2)

    def finalize() -> None:
        for watcher in watchers:
            start.wait()
            try:
                watcher.finalize(seen.append)
                wins.append(watcher)
            except Finalized:
                losses.append(watcher)

    threads = [threading.Thread(target=finalize) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    beside.do(lambda: None)
    assert len(wins) == len(losses) == len(set(wins)) == rounds
    assert seen == wins


def test_a_finalizer_cannot_revive_its_watcher(loop: Loop, errors: list[BaseException]) -> None:
    kept, seen = [], []
    one, other = socket.socketpair()
    other.send(b"x")
    watcher = loop.io(one.fileno(), READ)

    def final(dead: Watcher) -> None:
        kept.append(dead)
        fresh = loop.io(one.fileno(), READ)
        fresh.start(lambda: (seen.append("fresh"), fresh.close()))
        dead.start(seen.append, "revived")

    watcher.start(seen.append, "callback")
    watcher.finalize(final)
    loop.run()
    assert seen == ["fresh"]
    assert isinstance(errors[0], Finalized)
    with pytest.raises(Finalized):
        kept[0].start(print)
    one.close()
    other.close()


@pytest.mark.parametrize("error", [ZeroDivisionError, greenrt.GreenletExit])
def test_a_finalizer_that_raises_has_run(
    loop: Loop, errors: list[BaseException], error: type[BaseException]
) -> None:
    watcher = loop.timer(1)

    def final(watcher: Watcher) -> None:
        raise error("planned")

    watcher.finalize(final)
    loop.run()
    assert [type(one) for one in errors] == [error]
    with pytest.raises(Finalized):
        watcher.finalize(final)
    assert watcher.callback is None


def test_what_the_callback_used_lives_until_the_finalizer_has_run(loop: Loop) -> None:
    """A buffer that was passed to C code exists in `fn`, and is freed after it without the garbage collector."""
    gc.disable()
    try:
        buffer = ctypes.create_string_buffer(b"still here")
        gone = weakref.ref(buffer)
        seen = []
        watcher = loop.timer(1)
        watcher.start(print, buffer)
        del buffer
        watcher.finalize(lambda watcher: seen.append(gone().value))
        assert gone() is not None
        loop.run()
        assert seen == [b"still here"]
        assert gone() is None
    finally:
        gc.enable()


def test_finalize_without_a_function(loop: Loop) -> None:
    watcher = loop.timer(1)
    watcher.start(print)
    assert watcher.finalize() is False
    assert loop.run() == "idle"
    assert watcher.callback is None
    with pytest.raises(TypeError, match="42"):
        loop.timer(1).finalize(42)


def test_a_waiter_is_resumed_before_the_finalizer(hub: greenrt.Hub) -> None:
    order = []
    watcher = hub.loop.timer(1000)

    def wait() -> None:
        try:
            hub.wait(watcher)
        except Finalized:
            order.append("waiter")
            greenrt.sleep(0)

    waiter = greenrt.spawn(wait)
    greenrt.sleep(0)
    thread = threading.Thread(target=watcher.finalize, args=(lambda watcher: order.append("final"),))
    thread.start()
    thread.join()
    waiter.join()
    while len(order) < 2:
        greenrt.sleep(0)
    assert order == ["waiter", "final"]
    with pytest.raises(Finalized):
        hub.wait(watcher)


def test_what_waits_and_is_killed_at_the_same_time(hub: greenrt.Hub) -> None:
    order = []
    watcher = hub.loop.timer(1000)
    waiter = greenrt.spawn(hub.wait, watcher)
    greenrt.sleep(0)
    waiter.kill(block=False)
    watcher.finalize(lambda watcher: order.append(waiter.dead))
    waiter.join()
    while not order:
        greenrt.sleep(0)
    assert order == [True]


# -- Several watchers at once


def test_one_finalizer_for_many(loop: Loop, errors: list[BaseException]) -> None:
    seen = []
    watchers = [loop.timer(0), loop.prepare(), loop.async_()]
    for watcher in watchers:
        watcher.start(seen.append, "callback")
    assert loop.finalize_all([*watchers, watchers[0]], seen.append) is False
    loop.run()
    assert seen == [watchers]
    fresh = loop.timer(1)
    with pytest.raises(Finalized):
        loop.finalize_all([fresh, watchers[0]], seen.append)
    fresh.start(print)
    fresh.finalize()
    other = Loop()
    with pytest.raises(ValueError, match="finalize it there"):
        loop.finalize_all([other.timer(1)], print)
    other.close()
    assert loop.finalize_all([]) is False
    loop.run()


def test_many_wait_for_the_last_to_be_quiet(beside: Beside) -> None:
    idle = beside.loop.timer(1000)
    busy, watcher = busy_watcher(beside)
    seen = []
    beside.loop.finalize_all([idle, watcher], lambda watchers: seen.append(busy.ended))
    busy.let_go.set()
    beside.do(lambda: None)
    assert seen == [True]


# -- The end of the loop


def test_close_runs_finalizers_and_their_finalizers() -> None:
    loop, seen = Loop(), []

    def chain(depth: int) -> None:
        def final(watcher: Watcher) -> None:
            seen.append(depth)
            if depth:
                chain(depth - 1)

        loop.timer(1).finalize(final)

    chain(3)
    loop.close()
    assert seen == [3, 2, 1, 0]


def test_close_without_finalizers() -> None:
    loop, seen = Loop(), []
    watcher = loop.timer(1)
    watcher.finalize(seen.append)
    loop.close(finalizers=False)
    assert seen == []
    with pytest.raises(Finalized):
        watcher.start(print)


def test_an_endless_chain_is_cut_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    loop, seen = Loop(), []

    def again(watcher: Watcher) -> None:
        seen.append(watcher)
        loop.timer(1).finalize(again)

    loop.timer(1).finalize(again)
    assert loop.close().done
    assert 100 <= len(seen) <= 102
    assert _log.flush(10)
    assert "keep queueing finalizers" in caplog.text


def test_a_finalizer_of_a_loop_that_has_ended_runs_in_the_caller() -> None:
    loop, seen = Loop(), []
    one, other = loop.timer(1), loop.timer(1)
    one.start(print)
    loop.close()
    assert one.finalize(seen.append) is True
    assert in_thread(lambda: other.finalize(seen.append)) is True
    assert seen == [one, other]
    with pytest.raises(Finalized):
        one.start(print)
    with pytest.raises(LoopClosed):
        loop.timer(1).start(print)


def test_errors_of_finalizers_do_not_stop_a_close() -> None:
    loop, seen = Loop(), []

    def fail(watcher: Watcher) -> None:
        raise ZeroDivisionError("planned")

    loop.timer(1).finalize(fail)
    loop.timer(1).finalize(seen.append)
    with pytest.raises(ZeroDivisionError, match="planned"):
        loop.close()
    assert len(seen) == 1
    assert loop.closed


# -- Memory that runs out


class Poor(Timer):
    """A timer for which there is no memory when it is quiesced, a few times."""

    failures = 0

    def _quiesce(self) -> None:
        if self.failures:
            self.failures -= 1
            raise MemoryError
        super()._quiesce()


def test_a_finalizer_is_not_lost_for_want_of_memory(loop: Loop, errors: list[BaseException]) -> None:
    ran: list[object] = []
    watcher = Poor(loop, 1000)
    watcher.start(int)
    watcher.finalize(ran.append)
    watcher.failures = 2
    for _ in range(4):
        loop.run(nowait=True)
    assert [type(error) for error in errors] == [MemoryError, MemoryError]
    assert ran == [watcher]


def test_a_finalize_that_finds_no_memory_can_be_called_again(loop: Loop, errors: list[BaseException]) -> None:
    ran: list[object] = []
    watcher = Poor(loop, 1000)
    watcher.start(int)
    watcher.failures = 1
    with pytest.raises(MemoryError):
        watcher.finalize(ran.append)
    watcher.finalize(ran.append)
    for _ in range(3):
        loop.run(nowait=True)
    assert ran == [watcher]
    assert errors == []
