"""Queues: the interfaces of gevent and of the standard library, and promises beyond both."""

import gc
import math
import queue
import threading
import time
import weakref
from collections import Counter, deque
from typing import Any

import pytest
from support.crowd import everywhere

import greenrt
from greenrt.errors import BlockingInHub
from greenrt.sync.queue import JoinableQueue

KINDS = [greenrt.SimpleQueue, greenrt.Queue, greenrt.LifoQueue, greenrt.PriorityQueue]


# -- Items and room


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        (greenrt.SimpleQueue, [2, 3, 1]),
        (greenrt.Queue, [2, 3, 1]),
        (greenrt.LifoQueue, [1, 3, 2]),
        (greenrt.PriorityQueue, [1, 2, 3]),
    ],
)
def test_order(kind: Any, order: list[int]) -> None:
    made = kind()
    for item in (2, 3, 1):
        made.put(item)
    filled = kind(None, [2, 3, 1])
    for one in (made, filled, filled.copy()):
        assert len(one) == one.qsize() == 3
        assert one.peek() == one.peek_nowait() == order[0]
        assert [one.get() for _ in range(3)] == order
        assert one.empty()


@pytest.mark.parametrize("kind", KINDS)
def test_size(kind: Any) -> None:
    one = kind(2)
    assert one.maxsize == one._maxsize == 2
    one.put(1)
    assert not one.full()
    one.put_nowait(2)
    assert one.full()
    for put in (lambda: one.put_nowait(3), lambda: one.put(3, False), lambda: one.put(3, timeout=0.001)):
        with pytest.raises(queue.Full):
            put()
    assert one.get_nowait() in (1, 2)
    assert one.get(block=False) in (1, 2)
    for get in (one.get_nowait, one.peek_nowait, lambda: one.get(timeout=0.001), lambda: one.peek(timeout=0)):
        with pytest.raises(queue.Empty):
            get()


@pytest.mark.parametrize("maxsize", [None, 0, -1])
def test_no_limit(maxsize: int | None) -> None:
    one = greenrt.Queue(maxsize)
    assert one.maxsize is None
    assert one._maxsize == -1
    for item in range(1000):
        one.put(item)
    assert not one.full()


def test_always_true_and_names() -> None:
    assert bool(greenrt.Queue()) is True
    assert JoinableQueue is greenrt.Queue
    assert greenrt.Queue[int].__origin__ is greenrt.Queue
    assert isinstance(greenrt.PriorityQueue(), greenrt.SimpleQueue)
    assert greenrt.Queue(items=[1]).queue == deque([1])


def test_more_room_wakes_who_waits() -> None:
    one = greenrt.Queue(1, [0])
    putters = [greenrt.spawn(one.put, item) for item in (1, 2, 3)]
    greenrt.sleep(0.001)
    assert len(one.putters) == 3
    one.maxsize = 3
    greenrt.sleep(0.001)
    assert [putter.dead for putter in putters] == [True, True, False]
    one.maxsize = None
    greenrt.joinall(putters)
    assert list(one.queue) == [0, 1, 2, 3]


def test_room_made_by_hand() -> None:
    one = greenrt.Queue(1, [0])
    putter = greenrt.spawn(one.put, 1)
    greenrt.sleep(0)
    one.queue.clear()
    with greenrt.Timeout(5):
        while one.qsize() < 1 and not putter.dead:
            one.maxsize = 1
            greenrt.sleep(0)
    assert one.get() == 1


@pytest.mark.parametrize("timeout", [-1, math.nan, "soon"])
def test_a_bad_timeout_is_named(timeout: Any) -> None:
    one = greenrt.Queue(1)
    for action in (one.get, one.peek, lambda **given: one.put(1, **given)):
        with pytest.raises(TypeError if timeout == "soon" else ValueError, match=r"-1|nan|soon"):
            action(timeout=timeout)
    # Without `block` the timeout is not checked, as in the standard library.
    one.put(1, False, timeout)
    assert one.get(False, timeout) == 1
    assert not one.getters
    assert not one.putters


# -- Waiters


def test_getters_in_order() -> None:
    one = greenrt.Queue()
    getters = [greenrt.spawn(one.get) for _ in range(6)]
    greenrt.sleep(0)
    getters[2].kill()
    for item in range(5):
        one.put(item)
        # The item already belongs to the first getter.
        with pytest.raises(queue.Empty):
            one.get_nowait()
    greenrt.joinall(getters)
    assert [getter.value for getter in getters if getter is not getters[2]] == [0, 1, 2, 3, 4]


def test_putters_in_order() -> None:
    one = greenrt.Queue(1, ["first"])
    putters = [greenrt.spawn(one.put, item) for item in range(5)]
    greenrt.sleep(0)
    putters[3].kill()
    assert [one.get() for _ in range(5)] == ["first", 0, 1, 2, 4]
    greenrt.joinall(putters)


def test_peekers_and_getters() -> None:
    one = greenrt.Queue()
    waiting = [greenrt.spawn(action) for action in (one.peek, one.get, one.peek, one.get)]
    greenrt.sleep(0.001)
    one.put("a")
    greenrt.sleep(0.001)
    assert [greenlet.value for greenlet in waiting] == ["a", "a", None, None]
    one.put("b")
    greenrt.joinall(waiting)
    assert [greenlet.value for greenlet in waiting] == ["a", "a", "b", "b"]


def test_a_kill_after_the_wake_loses_nothing() -> None:
    one = greenrt.Queue()
    got: list[object] = []

    def work() -> None:
        got.append(one.get())
        got.append(one.get())

    worker = greenrt.spawn(work)
    greenrt.sleep(0)
    one.put(1)
    worker.kill()
    one.put(2)
    assert got == [1]
    assert one.get() == 2


def test_put_nowait_never_switches() -> None:
    one = greenrt.Queue()
    ran: list[object] = []
    greenrt.spawn(lambda: ran.append(one.get()))
    greenrt.sleep(0.001)
    one.put_nowait(1)
    one.put(2)
    assert ran == []
    greenrt.sleep(0.001)
    assert ran == [1]


def test_iteration() -> None:
    one = greenrt.Queue(items=[1, 2, StopIteration, 3])
    assert iter(one) is one
    assert list(one) == [1, 2]
    assert list(one.queue) == [3]


def test_ten_thousand_cancelled_from_the_middle() -> None:
    one = greenrt.Queue()
    getters = [greenrt.spawn(one.get) for _ in range(10_000)]
    greenrt.sleep(0)
    start = time.perf_counter()
    greenrt.killall(getters[1:-1])
    assert time.perf_counter() - start < 10
    assert len(one.getters) == 2
    one.put(1)
    one.put(2)
    assert (getters[0].get(), getters[-1].get()) == (1, 2)


# -- Tasks


def test_join() -> None:
    one = greenrt.Queue()
    assert one.join() is True
    for item in range(3):
        one.put(item)
    assert one.unfinished_tasks == 3
    assert one.join(0.001) is False
    joiner = greenrt.spawn(one.join)
    for _ in range(3):
        greenrt.sleep(0)
        assert not joiner.dead
        one.get()
        one.task_done()
    assert joiner.get() is True
    with pytest.raises(ValueError, match="too many times"):
        one.task_done()


def test_items_given_at_first_are_unfinished() -> None:
    assert greenrt.Queue(items=[1, 2]).unfinished_tasks == 2
    one = greenrt.Queue(5, [1, 2], 7)
    assert one.unfinished_tasks == 7
    assert one.copy().unfinished_tasks == 7
    assert one.copy().maxsize == 5


def test_items_of_who_waited_count_too() -> None:
    one = greenrt.Queue(1, [0])
    putter = greenrt.spawn(one.put, 1)
    greenrt.sleep(0)
    assert one.unfinished_tasks == 1
    one.get()
    assert one.unfinished_tasks == 2
    putter.join()


# -- Shutdown


@pytest.mark.usefixtures("quiet")
def test_shutdown_lets_what_is_in_be_taken() -> None:
    one = greenrt.Queue(2, [1, 2])
    putter = greenrt.spawn(one.put, 3)
    greenrt.sleep(0)
    one.shutdown()
    assert one.is_shutdown
    with pytest.raises(greenrt.ShutDown):
        one.put(4)
    with pytest.raises(greenrt.ShutDown):
        one.put_nowait(4)
    with pytest.raises(greenrt.ShutDown):
        putter.get()
    assert [one.get(), one.get_nowait()] == [1, 2]
    for action in (one.get, one.get_nowait, one.peek):
        with pytest.raises(greenrt.ShutDown):
            action()
    assert one.unfinished_tasks == 2


def test_shutdown_wakes_getters(quiet: None) -> None:
    one = greenrt.Queue()
    getters = [greenrt.spawn(one.get) for _ in range(3)]
    greenrt.sleep(0)
    one.shutdown()
    greenrt.joinall(getters)
    assert all(isinstance(getter.exception, greenrt.ShutDown) for getter in getters)


def test_immediate_shutdown() -> None:
    one = greenrt.Queue(items=[1, 2, 3])
    one.get()
    joiner = greenrt.spawn(one.join)
    greenrt.sleep(0)
    one.shutdown(immediate=True)
    assert one.empty()
    # One item was taken and has not been reported as done.
    assert one.unfinished_tasks == 1
    one.task_done()
    assert joiner.get() is True
    with pytest.raises(greenrt.ShutDown):
        one.get()


def test_it_is_the_standard_error_where_there_is_one() -> None:
    assert getattr(queue, "ShutDown", greenrt.ShutDown) is greenrt.ShutDown


# -- Use in the hub, in greenlets and in native threads


def test_in_the_hub() -> None:
    one = greenrt.Queue(1)
    seen: list[object] = []

    def callback() -> None:
        one.put("a")
        seen.append(one.get())
        one.put_nowait("b")
        for action in (lambda: one.put("c"), lambda: one.put_nowait("c")):
            try:
                action()
            except (BlockingInHub, queue.Full) as error:
                seen.append(type(error))

    greenrt.get_hub().loop.run_callback(callback)
    greenrt.sleep(0.001)
    assert seen == ["a", BlockingInHub, queue.Full]
    assert one.get() == "b"
    assert not one.putters


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [None, 3])
def test_everywhere_at_once(kind: Any, size: int | None) -> None:
    one = kind(size)
    got: list[tuple[int, int]] = []

    def work(number: int) -> None:
        for turn in range(200):
            if number % 2:
                one.put((turn, number), timeout=20)
            else:
                got.append(one.get(timeout=20))

    everywhere(work)
    assert Counter(got) == Counter((turn, number) for number in (1, 3, 5, 7) for turn in range(200))
    assert one.empty()
    if kind is greenrt.Queue:
        assert one.unfinished_tasks == 800


def test_order_of_one_putter_across_threads() -> None:
    one = greenrt.Queue(5)
    thread = threading.Thread(target=lambda: [one.put(item) for item in range(3000)])
    thread.start()
    assert [one.get(timeout=20) for _ in range(3000)] == list(range(3000))
    thread.join()


def test_short_timeouts_everywhere_lose_nothing() -> None:
    one = greenrt.Queue(2)
    put: list[object] = []
    got: list[object] = []

    def work(number: int) -> None:
        for turn in range(150):
            try:
                if number % 2:
                    one.put((number, turn), timeout=0.0003)
                    put.append((number, turn))
                else:
                    got.append(one.get(timeout=0.0003))
            except (queue.Full, queue.Empty):
                pass

    everywhere(work)
    assert sorted(put) == sorted(got + list(one.queue))
    assert not one.getters
    assert not one.putters


def test_join_across_threads() -> None:
    one = greenrt.Queue()

    def consume() -> None:
        while one.get(timeout=20) is not None:
            one.task_done()

    threads = [threading.Thread(target=consume) for _ in range(3)]
    for thread in threads:
        thread.start()
    for item in range(1000):
        one.put(item)
    assert one.join(20) is True
    for _ in threads:
        one.put(None)
    for thread in threads:
        thread.join()
    assert one.unfinished_tasks == 3


# -- Subclasses


class Unique(greenrt.Queue):
    """Keeps each item once. It overrides methods as subclasses of the standard library's queue do."""

    def _init(self, maxsize: int | None) -> None:
        self.queue = set()

    def _put(self, item: Any) -> None:
        self.queue.add(item)

    def _get(self) -> Any:
        return self.queue.pop()


def test_a_subclass_stores_items_its_own_way() -> None:
    one = Unique(2)
    one.put(1)
    one.put(1)
    assert one.qsize() == 1
    getters = [greenrt.spawn(one.get) for _ in range(2)]
    greenrt.sleep(0)
    assert getters[0].value == 1
    one.put(2)
    assert getters[1].get() == 2


def test_items_that_cannot_be_compared() -> None:
    one = greenrt.PriorityQueue(2, [1])
    with pytest.raises(TypeError):
        one.put("a")
    one = greenrt.PriorityQueue(1, [1])
    putter = greenrt.spawn(one.put, "a")
    greenrt.sleep(0)
    assert one.get() == 1
    putter.join()
    one = greenrt.PriorityQueue(3, [1, 2])
    with pytest.raises(TypeError):
        one.put("a", timeout=1)
    # The failed `put` leaves the queue in order.
    assert one.peek() == 1


def test_an_error_of_a_getters_goes_to_the_getter(quiet: None) -> None:
    class Broken(greenrt.Queue):
        def _get(self) -> Any:
            raise ZeroDivisionError

    one = Broken()
    getter = greenrt.spawn(one.get)
    greenrt.sleep(0)
    one.put(1)
    with pytest.raises(ZeroDivisionError):
        getter.get()
    assert one.qsize() == 1


# -- Representation and references


def test_repr() -> None:
    one = greenrt.Queue(1, [5])
    assert repr(one).startswith("<Queue at 0x")
    assert "maxsize=1" in repr(one)
    assert "queue=deque([5])" in repr(one)
    putter = greenrt.spawn(one.put, 6)
    greenrt.sleep(0)
    assert "putters[1]" in str(one)
    one.get()
    putter.join()
    one.get()
    getter = greenrt.spawn(one.get)
    greenrt.sleep(0)
    assert "getters[1]" in str(one)
    getter.kill()
    one.shutdown()
    assert "shut down" in str(one)


def test_nothing_holds_it_or_its_items_after_use() -> None:
    class Item:
        pass

    one = greenrt.Queue(1)
    putter = greenrt.spawn(lambda: [one.put(Item()) for _ in range(3)])
    getter = greenrt.spawn(lambda: [weakref.ref(one.get()) for _ in range(3)])
    greenrt.joinall([putter, getter])
    items = getter.value
    there = weakref.ref(one)
    one = putter = getter = None
    greenrt.sleep(0.001)
    gc.collect()
    assert there() is None
    assert [item() for item in items] == [None] * 3
