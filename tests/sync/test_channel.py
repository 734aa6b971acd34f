"""Channel: a queue that stores no items."""

import queue
import threading
from collections import Counter

import pytest
from support.crowd import everywhere

import greenrt
from greenrt.errors import BlockingInHub


def test_they_meet() -> None:
    channel = greenrt.Channel()
    steps: list[object] = []

    def put() -> None:
        for item in range(3):
            steps.append(("put", item))
            channel.put(item)
            steps.append(("done", item))

    worker = greenrt.spawn(put)
    greenrt.sleep(0)
    assert steps == [("put", 0)]
    assert channel.balance == 1
    assert [channel.get() for _ in range(3)] == [0, 1, 2]
    worker.join()
    assert steps[-1] == ("done", 2)
    assert channel.balance == 0


def test_it_has_no_room() -> None:
    channel = greenrt.Channel()
    assert channel.qsize() == 0
    assert channel.empty()
    assert channel.full()
    with pytest.raises(queue.Full):
        channel.put_nowait(1)
    with pytest.raises(queue.Empty):
        channel.get_nowait()
    with pytest.raises(queue.Full):
        channel.put(1, timeout=0.001)
    with pytest.raises(queue.Empty):
        channel.get(timeout=0.001)
    with pytest.raises(ValueError, match="5"):
        greenrt.Channel(5)
    assert greenrt.Channel(1).balance == 0


def test_nowait_with_someone_there() -> None:
    channel = greenrt.Channel()
    getter = greenrt.spawn(channel.get)
    greenrt.sleep(0)
    assert channel.balance == -1
    channel.put_nowait("a")
    assert getter.get() == "a"
    putter = greenrt.spawn(channel.put, "b")
    greenrt.sleep(0)
    assert channel.get_nowait() == "b"
    putter.join()
    assert putter.successful()


def test_first_come_first_served() -> None:
    channel = greenrt.Channel()
    getters = [greenrt.spawn(channel.get) for _ in range(5)]
    greenrt.sleep(0)
    getters[2].kill()
    for item in range(4):
        channel.put(item)
    greenrt.joinall(getters)
    assert [getter.value for getter in getters if getter is not getters[2]] == [0, 1, 2, 3]


def test_iteration_ends_with_stop_iteration() -> None:
    channel = greenrt.Channel()
    worker = greenrt.spawn(lambda: [channel.put(item) for item in (1, 2, StopIteration)])
    assert list(channel) == [1, 2]
    worker.join()


def test_in_the_hub() -> None:
    channel = greenrt.Channel()
    seen: list[object] = []

    def callback() -> None:
        channel.put("from the hub")
        for action in (lambda: channel.put(1), channel.get):
            try:
                action()
            except BlockingInHub:
                seen.append("refused")

    getter = greenrt.spawn(channel.get)
    greenrt.sleep(0)
    greenrt.get_hub().loop.run_callback(callback)
    assert getter.get() == "from the hub"
    greenrt.sleep(0.001)
    assert seen == ["refused"] * 2
    assert channel.balance == 0


def test_everywhere_at_once() -> None:
    channel = greenrt.Channel()
    got: Counter[tuple[int, int]] = Counter()
    lock = threading.Lock()

    def work(number: int) -> None:
        for turn in range(150):
            if number % 2:
                channel.put((number, turn), timeout=20)
            else:
                item = channel.get(timeout=20)
                with lock:
                    got[item] += 1

    everywhere(work)
    assert got == Counter((number, turn) for number in (1, 3, 5, 7) for turn in range(150))


def test_short_timeouts_everywhere_lose_nothing() -> None:
    channel = greenrt.Channel()
    put: list[object] = []
    got: list[object] = []

    def work(number: int) -> None:
        for turn in range(100):
            try:
                if number % 2:
                    channel.put((number, turn), timeout=0.0005)
                    put.append((number, turn))
                else:
                    got.append(channel.get(timeout=0.0005))
            except (queue.Full, queue.Empty):
                pass

    everywhere(work)
    assert sorted(put) == sorted(got)
    assert channel.balance == 0
