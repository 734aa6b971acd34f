"""Condition, compared with the standard library's class on greenrt's locks."""

import math
import threading
from types import FunctionType
from typing import Any

import pytest
from support.crowd import everywhere

import greenrt
from greenrt._hub.park import parked


class Standard(threading.Condition):
    """The standard library's class. Its `wait` makes a lock for each wait; here that is greenrt's Lock."""

    wait = FunctionType(
        threading.Condition.wait.__code__,
        {**vars(threading), "_allocate_lock": greenrt.Lock},
        "wait",
        threading.Condition.wait.__defaults__,
    )


KINDS = [greenrt.Condition, Standard]


@pytest.fixture(params=[(kind, lock) for kind in KINDS for lock in (greenrt.RLock, greenrt.Lock)])
def condition(request: pytest.FixtureRequest) -> Any:
    """Return greenrt's or the standard library's condition, each on a Lock or an RLock."""
    kind, lock = request.param
    return kind(lock())


def test_the_lock_must_be_held(condition: Any) -> None:
    for action in (condition.wait, condition.notify, condition.notify_all):
        with pytest.raises(RuntimeError, match="un-acquired lock"):
            action()


def test_a_new_lock_is_reentrant() -> None:
    condition = greenrt.Condition()
    with condition, condition:
        assert condition.wait(0.001) is False
        assert condition._is_owned()
    assert not condition._is_owned()


def test_notified_in_order(condition: Any) -> None:
    order: list[int] = []

    def work(number: int) -> None:
        with condition:
            assert condition.wait() is True
            order.append(number)

    workers = []
    for number in range(6):
        workers.append(greenrt.spawn(work, number))
        # On a busy machine, the worker yields before it waits.
        while not parked(workers[-1]):
            greenrt.sleep(0)
    workers[1].kill()
    with condition:
        condition.notify(2)
    greenrt.joinall([workers[0], workers[2]])
    assert sorted(order) == [0, 2]
    with condition:
        condition.notify_all()
    greenrt.joinall(workers)
    assert sorted(order[2:]) == [3, 4, 5]


def test_wait_for(condition: Any) -> None:
    items: list[int] = []

    def put() -> None:
        for item in range(3):
            with condition:
                items.append(item)
                condition.notify()
            greenrt.sleep(0)

    worker = greenrt.spawn(put)
    with condition:
        assert condition.wait_for(lambda: len(items) == 3) is True
        assert condition.wait_for(lambda: False, 0.002) is False
        assert condition.wait_for(lambda: "at once", 0) == "at once"
    worker.join()


def test_a_notification_does_not_go_to_one_who_has_gone(condition: Any) -> None:
    with condition:
        assert condition.wait(0.001) is False
    seen: list[bool] = []

    def work() -> None:
        with condition:
            seen.append(condition.wait(5))

    worker = greenrt.spawn(work)
    greenrt.sleep(0)
    with condition:
        condition.notify()
    worker.join()
    assert seen == [True]


def test_killed_while_it_takes_the_lock_back(condition: Any) -> None:
    """The greenlet holds the lock when it leaves the block, so the block releases its own lock."""
    steps: list[str] = []

    def work() -> None:
        with condition:
            steps.append(str(condition.wait()))
            greenrt.sleep(0)
            steps.append("not reached")

    worker = greenrt.spawn(work)
    greenrt.sleep(0)
    with condition:
        condition.notify()
        greenrt.sleep(0)
        worker.kill(block=False)
        greenrt.sleep(0.001)
        assert not worker.dead
    worker.join()
    assert isinstance(worker.value, greenrt.GreenletExit)
    assert steps == ["True"]
    assert condition.acquire(False)
    condition.release()


def test_a_timeout_that_is_over_is_not_raised_later() -> None:
    condition = greenrt.Condition()

    def work() -> str:
        with greenrt.Timeout(0.5), condition:
            assert condition.wait() is True
        greenrt.sleep(0.001)
        return "no Timeout"

    worker = greenrt.spawn(work)
    greenrt.sleep(0)
    with condition:
        condition.notify()
        greenrt.sleep(0.6)
    assert worker.get() == "no Timeout"


def test_a_bad_timeout_is_named() -> None:
    condition = greenrt.Condition()
    with condition, pytest.raises(ValueError, match="nan"):
        condition.wait(math.nan)
    assert "waiting=0" in repr(condition)


def test_everywhere_at_once(condition: Any) -> None:
    items: list[int] = []
    taken: list[int] = []
    each = 100

    def work(number: int) -> None:
        for turn in range(each):
            with condition:
                if number % 2:
                    items.append(turn)
                    condition.notify()
                else:
                    assert condition.wait_for(lambda: items, 20)
                    taken.append(items.pop())

    everywhere(work)
    assert sorted(taken) == sorted(list(range(each)) * 4)
    assert items == []
