"""Calls that need not wait make no switch and no park: a test for each primitive. See tests/hub/test_fast_paths.py.

test_queues_take_their_fast_path in tests/monkey/test_standard_names.py tests the standard library's queues.
"""

import threading
from collections.abc import Callable
from time import thread_time_ns
from typing import Any

import pytest
from support.switches import switches

import greenrt
from greenrt.green import threading as green_threading
from greenrt.sync import lock
from greenrt.sync.queue import SimpleQueue


def _lock(made: Any) -> Callable[[], None]:
    def use() -> None:
        with made:
            assert not made.acquire(False) or made.release() is None
        assert made.acquire(timeout=5)
        made.release()

    return use


def _event() -> None:
    event = greenrt.Event()
    event.set()
    event.wait()
    event.wait(5)


def _result() -> None:
    result = greenrt.AsyncResult()
    result.set(1)
    result.get()
    result.wait()


def _queue(made: Any) -> Callable[[], None]:
    def use() -> None:
        for item in range(3):
            made.put(item)
        for _ in range(3):
            made.get()

    return use


def _condition() -> None:
    condition = green_threading.Condition()
    with condition:
        condition.notify_all()


def _pool() -> None:
    pool = greenrt.Pool(3)
    pool.wait_available()
    pool.join()


FREE: dict[str, Callable[[], Any]] = {
    "Lock": _lock(greenrt.Lock()),
    "RLock": _lock(greenrt.RLock()),
    "Semaphore": _lock(greenrt.Semaphore(1)),
    "BoundedSemaphore": _lock(greenrt.BoundedSemaphore(1)),
    "Event": _event,
    "AsyncResult": _result,
    "Queue": _queue(greenrt.Queue()),
    "Queue(3)": _queue(greenrt.Queue(3)),
    "PriorityQueue": _queue(greenrt.PriorityQueue()),
    "LifoQueue": _queue(greenrt.LifoQueue()),
    "SimpleQueue": _queue(SimpleQueue()),
    "Condition": _condition,
    "Pool": _pool,
}


@pytest.mark.parametrize("name", FREE)
def test_what_is_free_is_taken_without_a_switch(name: str) -> None:
    assert switches(FREE[name]) == 0


@pytest.mark.parametrize("kind", [greenrt.Lock, greenrt.RLock])
def test_a_lock_without_a_timeout_checks_none(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mock cannot replace the compiled check, so the test compares the costs in the compiled build."""
    made = kind()
    if greenrt.__build__ == "pure":
        monkeypatch.setattr(lock, "checked_timeout", _raise)
        made.acquire()
        made.release()
        with made:
            pass
        return
    assert _cost(made.acquire, made.release) < _cost(lambda: made.acquire(True, 5.5), made.release)


def test_an_rlock_is_taken_again_without_its_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner may take the lock again even while another thread holds the internal lock of its state."""
    made = greenrt.RLock()
    with made:
        seen = []
        stop = threading.Event()

        def hold() -> None:
            while not stop.is_set():
                seen.append(made.acquire(False))

        thread = threading.Thread(target=hold)
        thread.start()
        try:
            assert switches(lambda: [made.acquire() for _ in range(1000)]) == 0
        finally:
            stop.set()
            thread.join()
        for _ in range(5000):
            made.release()
    assert not any(seen)


def _raise(*args: Any) -> Any:
    raise AssertionError("the slow path")


def _cost(first: Callable[[], Any], then: Callable[[], Any]) -> int:
    """Return the processor time of 100 pairs of calls in nanoseconds: the least of many measurements."""
    best = 1 << 60
    for _ in range(50):
        started = thread_time_ns()
        for _ in range(100):
            first()
            then()
        best = min(best, thread_time_ns() - started)
    return best
