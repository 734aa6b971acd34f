"""Semaphores: a number of permits, and the waiters for one."""

import gc
import math
import threading
import time
import weakref

import pytest
from support.crowd import everywhere

import greenrt
from greenrt.errors import BlockingInHub

KINDS = [greenrt.Semaphore, greenrt.BoundedSemaphore]


@pytest.mark.parametrize("kind", KINDS)
def test_counts(kind: type) -> None:
    semaphore = kind(2)
    assert semaphore.counter == 2
    assert semaphore.acquire() is True
    assert semaphore.acquire(blocking=False) is True
    assert semaphore.locked()
    assert not semaphore.ready()
    assert semaphore.acquire(False) is False
    assert semaphore.acquire(timeout=0.001) is False
    assert semaphore.acquire(timeout=0) is False
    semaphore.release()
    assert semaphore.counter == 1
    assert semaphore.wait() == 1
    assert semaphore.counter == 1
    with semaphore:
        assert semaphore.counter == 0
    assert "counter=1" in repr(semaphore)


def test_hub_is_accepted() -> None:
    assert greenrt.Semaphore(1, greenrt.get_hub()).counter == 1
    assert greenrt.Semaphore(value=3, hub=None).counter == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_negative_value_is_named(kind: type) -> None:
    with pytest.raises(ValueError, match="-1"):
        kind(-1)


def test_bounded_says_when_it_is_released_too_often() -> None:
    semaphore = greenrt.BoundedSemaphore(1)
    with pytest.raises(ValueError, match="more often"):
        semaphore.release()
    semaphore.acquire()
    semaphore.release()
    with pytest.raises(ValueError, match="more often"):
        semaphore.release()
    assert semaphore.counter == 1


def test_several_at_once() -> None:
    semaphore = greenrt.Semaphore(0)
    takers = [greenrt.spawn(semaphore.acquire) for _ in range(3)]
    greenrt.sleep(0)
    semaphore.release(4)
    greenrt.joinall(takers)
    assert semaphore.counter == 1
    with pytest.raises(ValueError, match="0"):
        semaphore.release(0)


@pytest.mark.parametrize("timeout", [math.nan, "soon"])
def test_a_bad_timeout_loses_nothing(timeout: object) -> None:
    semaphore = greenrt.Semaphore(0)
    with pytest.raises(TypeError if timeout == "soon" else ValueError, match=r"nan|soon"):
        semaphore.acquire(timeout=timeout)
    semaphore.release()
    assert semaphore.counter == 1


def test_first_come_first_served() -> None:
    semaphore = greenrt.Semaphore(0)
    order: list[int] = []

    def work(number: int) -> None:
        semaphore.acquire()
        order.append(number)

    workers = [greenrt.spawn(work, number) for number in range(10)]
    greenrt.sleep(0.001)
    workers[3].kill()
    for _ in range(9):
        semaphore.release()
        # Each release wakes a waiter; only a call that must not wait can overtake it.
        assert semaphore.acquire(False) is True
        semaphore.release()
        greenrt.sleep(0.001)
    greenrt.joinall(workers)
    assert order == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_a_kill_after_the_wake_keeps_what_was_granted() -> None:
    semaphore = greenrt.Semaphore(0)
    seen: list[object] = []

    def work() -> None:
        seen.append(semaphore.acquire())
        try:
            greenrt.sleep(0)
            seen.append("not reached")
        finally:
            semaphore.release()

    worker = greenrt.spawn(work)
    greenrt.sleep(0)
    semaphore.release()
    worker.kill()
    assert seen == [True]
    assert semaphore.counter == 1


def test_rawlink() -> None:
    semaphore = greenrt.Semaphore(0)
    seen: list[object] = []
    semaphore.rawlink(seen.append)
    semaphore.release()
    greenrt.sleep(0)
    assert seen == [semaphore]
    semaphore.rawlink(seen.append)
    greenrt.sleep(0)
    assert seen == [semaphore] * 2
    semaphore.acquire()
    semaphore.rawlink(seen.append)
    semaphore.unlink(seen.append)
    semaphore.unlink(print)
    semaphore.release()
    greenrt.sleep(0)
    assert seen == [semaphore] * 2
    with pytest.raises(TypeError, match="42"):
        semaphore.rawlink(42)


def test_greenrt_wait_takes_semaphores() -> None:
    semaphore = greenrt.Semaphore(0)
    greenrt.spawn(semaphore.release)
    assert greenrt.wait([semaphore], timeout=5) == [semaphore]


def test_in_the_hub() -> None:
    semaphore = greenrt.Semaphore(1)
    seen: list[object] = []

    def callback() -> None:
        seen.append(semaphore.acquire())
        seen.append(semaphore.acquire(False))
        try:
            semaphore.acquire()
        except BlockingInHub as error:
            seen.append(type(error))
        semaphore.release()

    greenrt.get_hub().loop.run_callback(callback)
    greenrt.sleep(0.001)
    assert seen == [True, False, BlockingInHub]
    assert semaphore.counter == 1


def test_dummy() -> None:
    dummy = greenrt.DummySemaphore(5)
    assert dummy.acquire() is True
    assert dummy.acquire(False, timeout=3) is True
    assert dummy.wait() == 1
    assert dummy.ready()
    assert not dummy.locked()
    dummy.release()
    dummy.rawlink(print)
    dummy.unlink(print)
    with dummy:
        pass
    assert repr(dummy) == "<DummySemaphore>"


def test_ten_thousand_cancelled_from_the_middle() -> None:
    semaphore = greenrt.Semaphore(0)
    workers = [greenrt.spawn(semaphore.acquire) for _ in range(10_000)]
    greenrt.sleep(0)
    start = time.perf_counter()
    greenrt.killall(workers[1::2])
    assert time.perf_counter() - start < 10
    for _ in range(5000):
        semaphore.release()
    greenrt.joinall(workers)
    assert semaphore.counter == 0


@pytest.mark.parametrize("kind", KINDS)
def test_everywhere_at_once(kind: type) -> None:
    semaphore = kind(3)
    inside = [0]
    most = [0]

    def work(number: int) -> None:
        for turn in range(300):
            if turn % 3 == 0:
                assert semaphore.acquire(timeout=20)
            elif not semaphore.acquire(False):
                continue
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            if turn % 5 == number % 5:
                greenrt.sleep(0)
            inside[0] -= 1
            semaphore.release()

    everywhere(work)
    assert semaphore.counter == 3
    assert most[0] <= 3


def test_short_timeouts_everywhere_lose_nothing() -> None:
    semaphore = greenrt.Semaphore(1)
    held = [0]

    def work(number: int) -> int:
        got = 0
        for _ in range(150):
            if semaphore.acquire(timeout=0.0003):
                held[0] += 1
                assert held[0] == 1
                greenrt.sleep(0)
                held[0] -= 1
                got += 1
                semaphore.release()
        return got

    assert sum(everywhere(work)) > 0
    assert semaphore.counter == 1
    assert "waiting=0" in repr(semaphore)


def test_a_thread_that_ends_with_waiters_leaves_the_others() -> None:
    semaphore = greenrt.Semaphore(0)

    def thread() -> None:
        waiter = greenrt.spawn(semaphore.acquire)
        greenrt.sleep(0)
        waiter.kill()

    there = threading.Thread(target=thread)
    there.start()
    there.join()
    semaphore.release()
    assert semaphore.acquire(timeout=5)


def test_nothing_holds_it_after_use() -> None:
    semaphore = greenrt.Semaphore(0)
    waiter = greenrt.spawn(semaphore.acquire)
    greenrt.sleep(0)
    semaphore.release()
    waiter.join()
    there = weakref.ref(semaphore)
    del semaphore, waiter
    gc.collect()
    assert there() is None
