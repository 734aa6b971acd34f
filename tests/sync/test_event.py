"""Event: a flag for which greenlets and threads wait."""

import gc
import math
import threading
import time
import weakref
from typing import Never

import pytest
from support.crowd import everywhere

import greenrt
from greenrt._hub.links import Notifier
from greenrt.errors import BlockingInHub


def test_starts_clear() -> None:
    event = greenrt.Event()
    assert not event.is_set()
    assert not event.isSet()
    assert not event.ready()


def test_wait_returns_at_once_when_set() -> None:
    event = greenrt.Event()
    event.set()
    event.set()
    assert event.wait() is True
    assert event.wait(0) is True


def test_wait_is_false_when_the_time_is_up() -> None:
    event = greenrt.Event()
    assert event.wait(0.001) is False
    assert event.wait(0) is False
    assert event.wait(-1) is False


def test_set_and_clear_at_once_wakes_who_waits() -> None:
    event = greenrt.Event()
    waiters = [greenrt.spawn(event.wait) for _ in range(3)]
    greenrt.sleep(0)
    event.set()
    event.clear()
    assert [waiter.get() for waiter in waiters] == [True] * 3
    assert not event.is_set()


@pytest.mark.parametrize("timeout", [math.nan, "soon", object()])
def test_a_bad_timeout_is_named_and_leaves_nothing(timeout: object) -> None:
    event = greenrt.Event()
    with pytest.raises((ValueError, TypeError), match=r"nan|soon|object"):
        event.wait(timeout)
    assert event.linkcount() == 0
    event.set()
    greenrt.sleep(0.001)


def test_a_bad_timeout_in_a_native_thread() -> None:
    event = greenrt.Event()
    seen: list[BaseException] = []

    def wait() -> None:
        try:
            event.wait(math.nan)
        except ValueError as error:
            seen.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join()
    assert "nan" in str(seen[0])
    assert event.linkcount() == 0


def test_a_kill_after_the_wake_waits_for_the_next_park() -> None:
    event = greenrt.Event()
    seen: list[object] = []

    def work() -> None:
        seen.append(event.wait())
        greenrt.sleep(0)
        seen.append("not reached")

    greenlet = greenrt.spawn(work)
    greenrt.sleep(0)
    event.set()
    greenlet.kill()
    assert seen == [True]


def test_the_killed_leave_no_trace() -> None:
    event = greenrt.Event()
    waiters = [greenrt.spawn(event.wait) for _ in range(5)]
    greenrt.sleep(0)
    assert event.linkcount() == 5
    for waiter in waiters[1:4]:
        waiter.kill()
    assert event.linkcount() == 2
    event.set()
    assert waiters[0].get() is True
    assert waiters[4].get() is True


def test_a_timeout_around_it() -> None:
    event = greenrt.Event()
    with pytest.raises(greenrt.Timeout), greenrt.Timeout(0.001):
        event.wait()
    assert event.linkcount() == 0


def test_rawlink() -> None:
    event = greenrt.Event()
    seen: list[object] = []
    event.rawlink(seen.append)
    event.rawlink(seen.append)
    event.unlink(seen.append)
    event.unlink(print)
    event.set()
    assert seen == []
    greenrt.sleep(0)
    assert seen == [event]
    event.rawlink(seen.append)
    greenrt.sleep(0)
    assert seen == [event, event]
    with pytest.raises(TypeError, match="42"):
        event.rawlink(42)


def test_greenrt_wait_takes_events() -> None:
    first, second = greenrt.Event(), greenrt.Event()
    greenrt.spawn(second.set)
    assert greenrt.wait([first, second], count=1, timeout=5) == [second]
    assert first.linkcount() == 0


def test_in_the_hub() -> None:
    event = greenrt.Event()
    seen: list[object] = []

    def callback() -> None:
        try:
            event.wait()
        except BlockingInHub as error:
            seen.append(error)
        event.set()
        seen.append(event.wait())

    greenrt.get_hub().loop.run_callback(callback)
    assert event.wait(5)
    assert "Event" in str(seen[0])
    assert seen[1] is True


def test_repr() -> None:
    event = greenrt.Event()
    assert "clear waiting=0" in repr(event)
    event.set()
    assert "set" in repr(event)


def test_ten_thousand_cancelled_from_the_middle() -> None:
    event = greenrt.Event()
    waiters = [greenrt.spawn(event.wait) for _ in range(10_000)]
    greenrt.sleep(0)
    start = time.perf_counter()
    greenrt.killall(waiters[5000:] + waiters[:4999])
    assert event.linkcount() == 1
    # With a quadratic cost, this would take minutes.
    assert time.perf_counter() - start < 10
    event.set()
    assert waiters[4999].get() is True


def test_ping_pong_between_threads() -> None:
    ping, pong = greenrt.Event(), greenrt.Event()
    rounds = 2000

    def answer() -> None:
        for _ in range(rounds):
            assert ping.wait(20)
            ping.clear()
            pong.set()

    for target in (answer, lambda: greenrt.spawn(answer).join()):
        thread = threading.Thread(target=target)
        thread.start()
        for _ in range(rounds):
            ping.set()
            assert pong.wait(20)
            pong.clear()
        thread.join()


def test_one_set_wakes_all_everywhere() -> None:
    events = [greenrt.Event() for _ in range(50)]
    arrived = [greenrt.Semaphore(0) for _ in events]
    count = 8

    def work(number: int) -> None:
        for event, arrival in zip(events, arrived, strict=True):
            if number == 0:
                for _ in range(count - 1):
                    assert arrival.acquire(timeout=20)
                event.set()
            else:
                arrival.release()
            assert event.wait(20)

    everywhere(work)


def test_nothing_holds_it_after_use() -> None:
    event = greenrt.Event()
    waiter = greenrt.spawn(event.wait)
    greenrt.sleep(0)
    event.wait(0)
    event.set()
    waiter.join()
    there = weakref.ref(event)
    del event, waiter
    gc.collect()
    assert there() is None


def test_a_link_that_finds_no_memory_leaves_the_event_usable() -> None:
    class Poor(Notifier):
        def notify(self, source: object) -> Never:
            raise MemoryError

    event = greenrt.Event()
    event.rawlink(Poor())
    with pytest.raises(MemoryError):
        event.set()
    event.clear()
    waiting = greenrt.spawn(event.wait, 10)
    greenrt.sleep(0)
    event.set()
    assert waiting.get(timeout=10)


def test_a_link_that_finds_no_memory_keeps_no_other_from_being_told() -> None:
    class Poor(Notifier):
        def notify(self, source: object) -> Never:
            raise MemoryError

    event = greenrt.Event()
    told = []
    for link in (Poor(), told.append, Poor(), told.append):
        event.rawlink(link)
    with pytest.raises(MemoryError):
        event.set()
    greenrt.sleep(0)
    assert told == [event, event]


def test_a_link_of_a_thread_that_has_ended_is_nothing_to_who_sets() -> None:
    event = greenrt.Event()
    told = []
    thread = threading.Thread(target=lambda: event.rawlink(told.append))
    thread.start()
    thread.join()
    event.rawlink(told.append)
    event.set()
    greenrt.sleep(0)
    assert told == [event]
