"""A released permit is free, waiters are served in the order of their arrival, and no wake is lost."""

import threading
from typing import Any

import pytest

import greenrt

MUTEXES = [greenrt.Lock, greenrt.RLock]
KINDS = [*MUTEXES, greenrt.Semaphore, greenrt.BoundedSemaphore]


class Waiters:
    """Greenlets that wait for a permit, record that they have it, and release it."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.order: list[Any] = []
        self.greenlets: list[greenrt.Greenlet] = []

    def add(self, name: Any, *acquire: Any) -> greenrt.Greenlet:
        def work() -> bool:
            taken: bool = self.lock.acquire(*acquire)
            if taken:
                self.order.append(name)
                self.lock.release()
            return taken

        made = greenrt.spawn(work)
        self.greenlets.append(made)
        greenrt.sleep(0)
        return made

    def end(self) -> list[Any]:
        greenrt.joinall(self.greenlets, timeout=20)
        assert all(made.ready() for made in self.greenlets)
        assert self.lock.acquire(False)
        self.lock.release()
        return self.order


def waited_for(kind: Any, count: int) -> tuple[Any, Waiters]:
    """Return a lock that the caller holds, and `count` waiters; their names are their numbers."""
    lock = kind()
    lock.acquire()
    waiters = Waiters(lock)
    for name in range(count):
        waiters.add(name)
    return lock, waiters


@pytest.mark.parametrize("kind", KINDS)
def test_a_released_one_is_free(kind: Any) -> None:
    lock, waiters = waited_for(kind, 5)
    for _ in range(10):
        lock.release()
        if hasattr(lock, "locked"):
            assert not lock.locked()
        assert lock.acquire(False)
    lock.release()
    assert waiters.end() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_may_wait_queues_behind_the_waiters(kind: Any) -> None:
    lock, waiters = waited_for(kind, 3)
    for turn in range(3):
        lock.release()
        lock.acquire()
        waiters.order.append("main")
        waiters.add(f"late {turn}")
    lock.release()
    assert waiters.end() == [0, 1, 2, "main", "late 0", "main", "late 1", "main", "late 2"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_waiter_that_was_woken_in_vain_keeps_its_place(kind: Any) -> None:
    lock, waiters = waited_for(kind, 3)
    for turn in range(3):
        lock.release()
        assert lock.acquire(False)
        # The first waiter runs and finds the permit taken.
        greenrt.sleep(0)
        waiters.add(f"late {turn}")
    assert not waiters.order
    lock.release()
    assert waiters.end() == [0, 1, 2, "late 0", "late 1", "late 2"]


@pytest.mark.promised_order
def test_several_that_were_woken_in_vain_keep_their_order() -> None:
    semaphore = greenrt.Semaphore(0)
    waiters = Waiters(semaphore)
    for name in range(6):
        waiters.add(name)
    for _ in range(2):
        semaphore.release(3)
        assert semaphore.counter == 3
        for _ in range(3):
            assert semaphore.acquire(False)
        greenrt.sleep(0)
    assert not waiters.order
    semaphore.release()
    assert waiters.end() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("overtaken", [False, True])
def test_a_kill_of_a_woken_waiter_passes_the_wake_on(kind: Any, overtaken: bool) -> None:
    lock = kind()
    lock.acquire()
    waiters = Waiters(lock)
    first = waiters.add("first")
    waiters.add("second")
    lock.release()
    if overtaken:
        assert lock.acquire(False)
    first.kill(block=False)
    greenrt.sleep(0)
    if overtaken:
        assert not waiters.order
        lock.release()
    # The first waiter was woken up before the kill, so it has taken a permit if one was free.
    assert waiters.end() == (["second"] if overtaken else ["first", "second"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_time_limit_holds_over_wakes_in_vain(kind: Any) -> None:
    lock = kind()
    lock.acquire()
    waiters = Waiters(lock)
    first = waiters.add("first", True, 0.05)
    waiters.add("second", True, 20)
    waiters.add("third")
    while not first.ready():
        lock.release()
        assert lock.acquire(False)
        greenrt.sleep(0.002)
    assert first.value is False
    lock.release()
    assert waiters.end() == ["second", "third"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("native", [False, True])
def test_polling_starves_no_waiter(kind: Any, native: bool) -> None:
    """A waiter in a greenlet and a waiter in a native thread both get the permit."""
    lock = kind()
    lock.acquire()
    got = greenrt.Event()

    def wait() -> None:
        lock.acquire()
        got.set()
        lock.release()

    thread = threading.Thread(target=wait)
    waiter = None
    if native:
        thread.start()
    else:
        waiter = greenrt.spawn(wait)
    greenrt.sleep(0.01)
    lock.release()
    # A native thread runs once in each switch interval of the GIL, and is called in vain a hundred times. That takes
    # half a second on a quiet machine.
    with greenrt.Timeout(60):
        while not got.is_set():
            if lock.acquire(False):
                # The lock is held whenever other greenlets run.
                greenrt.sleep(0)
                lock.release()
    if native:
        thread.join()
    else:
        assert waiter is not None
        waiter.join()


@pytest.mark.parametrize("kind", KINDS)
def test_taking_it_again_and_again_starves_no_waiter(kind: Any) -> None:
    lock = kind()
    counts = [0, 0, 0]

    def work(number: int) -> None:
        while min(counts) < 20:
            lock.acquire()
            counts[number] += 1
            greenrt.sleep(0)
            lock.release()

    greenrt.joinall([greenrt.spawn(work, number) for number in range(3)], timeout=20, raise_error=True)
    assert max(counts) <= min(counts) + 2


@pytest.mark.parametrize("kind", KINDS)
def test_between_threads(kind: Any) -> None:
    """Native threads and greenlets take, poll and time out. At the end the permit is free, and all have ended."""
    lock = kind()
    inside = []

    def work(blocking: bool, limit: Any) -> None:
        for _ in range(100):
            if lock.acquire(blocking, *limit):
                assert not inside
                inside.append(1)
                greenrt.sleep(0)
                inside.pop()
                lock.release()

    ways: list[tuple[bool, tuple[Any, ...]]] = [(True, ()), (False, ()), (True, (0.001,))]
    threads = [threading.Thread(target=work, args=way) for way in ways * 2]
    for thread in threads:
        thread.start()
    greenlets = [greenrt.spawn(work, *way) for way in ways * 2]
    greenrt.joinall(greenlets, timeout=30, raise_error=True)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert lock.acquire(False)
    lock.release()


def test_a_notification_survives_a_kill() -> None:
    """The standard Condition wakes a waiter by releasing a lock, so the waiter must return from `acquire`."""
    done: list[str] = []
    lock = greenrt.Lock()
    lock.acquire()

    def wait() -> None:
        lock.acquire()
        done.append("notified")
        greenrt.sleep(5)
        done.append("not reached")

    waiter = greenrt.spawn(wait)
    greenrt.sleep(0)
    lock.release()
    waiter.kill()
    assert done == ["notified"]


def test_links_are_called_for_a_permit_that_no_waiter_takes() -> None:
    semaphore = greenrt.Semaphore(0)
    called: list[Any] = []
    semaphore.rawlink(called.append)
    waiter = greenrt.spawn(semaphore.acquire)
    greenrt.sleep(0)
    semaphore.release()
    greenrt.sleep(0.001)
    assert waiter.value is True
    assert not called
    semaphore.release()
    greenrt.sleep(0.001)
    assert called == [semaphore]


def test_without_a_wait_if_the_limit_is_zero() -> None:
    """No other greenlet runs during the call, as with CPython's locks."""
    lock = greenrt.Lock()
    lock.acquire()
    ran: list[int] = []
    other = greenrt.spawn(ran.append, 1)
    assert lock.acquire(True, 0) is False
    assert lock.acquire(timeout=0) is False
    other.join()
    lock.release()
    assert lock.acquire(timeout=0) is True
    lock.release()
