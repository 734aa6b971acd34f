"""Lock and RLock, compared with `threading`: results, errors and the order of waiters."""

import _thread
import gc
import math
import re
import threading
import weakref
from typing import Any

import pytest
from support.crowd import everywhere

import greenrt
from greenrt._hub.park import parked

LOCKS = [_thread.allocate_lock, greenrt.Lock]
RLOCKS = [_thread.RLock, greenrt.RLock]
ALL = LOCKS + RLOCKS


# -- As in CPython: each test runs on CPython's locks too.


@pytest.mark.parametrize("kind", ALL)
def test_interface(kind: Any) -> None:
    lock = kind()
    assert lock.acquire() is True
    lock.release()
    assert lock.acquire(True, -1) is True
    lock.release()
    assert lock.acquire(blocking=True, timeout=5) is True
    lock.release()
    assert lock.acquire(0) is True
    lock.release()
    with lock as entered:
        assert entered is True
    assert lock.acquire(False) is True
    lock.release()


@pytest.mark.parametrize("kind", LOCKS)
def test_lock_states(kind: Any) -> None:
    lock = kind()
    assert lock.locked() is False
    with lock:
        assert lock.locked() is True
        assert lock.acquire(False) is False
        assert lock.acquire(timeout=0.001) is False
        assert lock.acquire(timeout=0) is False
    assert lock.locked() is False
    # Any thread may release the lock.
    lock.acquire()
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    assert lock.locked() is False
    assert lock.acquire_lock() is True
    assert lock.locked_lock() is True
    lock.release_lock()


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (ValueError, (False, 1)),
        (ValueError, (False, 0)),
        (ValueError, (True, -2)),
        (ValueError, (True, -0.5)),
        (ValueError, (True, math.nan)),
        (OverflowError, (True, 1e100)),
        (OverflowError, (True, math.inf)),
        (OverflowError, (True, threading.TIMEOUT_MAX * 1.5)),
        (TypeError, (True, "soon")),
        (TypeError, (True, 1, 2)),
    ],
)
def test_bad_arguments(kind: Any, error: Any, arguments: Any) -> None:
    lock = kind()
    with pytest.raises(error):
        lock.acquire(*arguments)
    assert lock.acquire(False)
    lock.release()


@pytest.mark.parametrize("kind", [greenrt.Lock, greenrt.RLock])
def test_no_timeout_may_be_none(kind: Any) -> None:
    """None means no limit, as in gevent; CPython's locks refuse it."""
    lock = kind()
    assert lock.acquire(timeout=None) is True
    assert greenrt.spawn(lock.acquire, blocking=False, timeout=None).get() is False
    greenrt.spawn_later(0.01, lambda: None).link(
        lambda _: lock.release()
    ) if kind is greenrt.Lock else lock.release()
    assert lock.acquire(blocking=True, timeout=None) is True
    lock.release()


@pytest.mark.parametrize("kind", ALL)
def test_no_timeout_is_minus_one_however_it_is_spelt(kind: Any) -> None:
    lock = kind()
    for minus_one in (-1, -1.0):
        assert lock.acquire(True, minus_one) is True
        lock.release()
        assert lock.acquire(False, minus_one) is True
        lock.release()


def message_of(action: Any) -> tuple[type, str]:
    with pytest.raises(Exception) as info:
        action()
    return info.type, str(info.value)


@pytest.mark.parametrize("pair", [LOCKS, RLOCKS])
def test_the_same_errors(pair: list[Any]) -> None:
    theirs, ours = pair[0](), pair[1]()
    assert message_of(ours.release) == message_of(theirs.release)
    assert message_of(lambda: ours.acquire(False, 1)) == message_of(lambda: theirs.acquire(False, 1))
    assert message_of(lambda: ours.__exit__(None, None, None)) == message_of(
        lambda: theirs.__exit__(None, None, None)
    )


@pytest.mark.parametrize("pair", [LOCKS, RLOCKS])
def test_the_same_repr_but_for_names(pair: list[Any]) -> None:
    def shape(lock: Any) -> str:
        text = re.sub(r"0x[0-9a-f]+", "ADDRESS", repr(lock))
        text = re.sub(r"[\w.]*\.(RLock|Lock|lock) object", "NAME object", text)
        return re.sub(r"owner=.* count", "owner=OWNER count", text)

    theirs, ours = pair[0](), pair[1]()
    assert shape(ours) == shape(theirs)
    with ours, theirs:
        assert shape(ours) == shape(theirs)


@pytest.mark.parametrize("kind", ALL)
def test_weak_reference_and_fork_hook(kind: Any) -> None:
    lock = kind()
    assert weakref.ref(lock)() is lock
    lock.acquire()
    lock._at_fork_reinit()
    assert lock.acquire(False) is True
    lock.release()


@pytest.mark.parametrize("kind", RLOCKS)
def test_reentrant(kind: Any) -> None:
    lock = kind()
    for depth in range(5):
        assert lock.acquire() is True
        assert lock._recursion_count() == depth + 1
    assert lock._is_owned()
    state = lock._release_save()
    assert not lock._is_owned()
    assert lock._recursion_count() == 0
    with pytest.raises(RuntimeError, match="un-acquired"):
        lock._release_save()
    lock._acquire_restore(state)
    assert lock._recursion_count() == 5
    seen: list[bool] = []

    def other() -> None:
        seen.append(lock.acquire(False))
        seen.append(lock._is_owned())
        try:
            lock.release()
        except RuntimeError as error:
            seen.append("cannot release un-acquired lock" in str(error))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [False, False, True]
    for _ in range(5):
        lock.release()
    with pytest.raises(RuntimeError, match="cannot release un-acquired lock"):
        lock.release()


@pytest.mark.parametrize("kind", [*LOCKS, *RLOCKS])
def test_under_the_standard_condition(kind: Any) -> None:
    condition = threading.Condition(kind())
    with condition:
        assert condition.wait(0.001) is False
        assert condition.wait_for(lambda: 7, 5) == 7
        condition.notify_all()
    with pytest.raises(RuntimeError, match="un-acquired"):
        condition.notify()


# -- Between greenlets


def test_rlock_belongs_to_the_greenlet() -> None:
    lock = greenrt.RLock()
    order: list[str] = []

    def other() -> None:
        assert lock.acquire(False) is False
        with lock:
            order.append("other")

    with lock, lock:
        worker = greenrt.spawn(other)
        greenrt.sleep(0)
        order.append("main")
    worker.get()
    assert order == ["main", "other"]


def test_rlock_accepts_gevents_hub() -> None:
    assert greenrt.RLock(greenrt.get_hub()).acquire()


@pytest.mark.parametrize("kind", [greenrt.Lock, greenrt.RLock])
def test_first_come_first_served(kind: Any) -> None:
    lock = kind()
    order: list[int] = []

    def work(number: int) -> None:
        with lock:
            order.append(number)
            greenrt.sleep(0)

    with lock:
        workers = []
        for number in range(10):
            workers.append(greenrt.spawn(work, number))
            # On a busy machine, the worker yields before it waits.
            while not parked(workers[-1]):
                greenrt.sleep(0)
        workers[4].kill()
        # Let the loop poll, so that the next call does not yield.
        greenrt.sleep(0.001)
    # The first waiter has been woken up; it takes the lock only when it runs.
    assert lock.acquire(False) is True
    lock.release()
    greenrt.joinall(workers)
    assert order == [0, 1, 2, 3, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("kind", [greenrt.Lock, greenrt.RLock])
def test_excludes_everywhere(kind: Any) -> None:
    lock = kind()
    inside = [0]
    counter = [0]

    def work(number: int) -> None:
        for turn in range(200):
            with lock:
                inside[0] += 1
                assert inside[0] == 1
                value = counter[0]
                if turn % 10 == number:
                    greenrt.sleep(0)
                counter[0] = value + 1
                inside[0] -= 1

    everywhere(work)
    assert counter[0] == 200 * 8
    assert not lock.acquire(False) or lock.release() is None


def test_short_timeouts_everywhere_lose_nothing() -> None:
    lock = greenrt.Lock()

    def work(number: int) -> int:
        got = 0
        for _ in range(150):
            if lock.acquire(timeout=0.0003):
                greenrt.sleep(0)
                got += 1
                lock.release()
        return got

    assert sum(everywhere(work)) > 0
    assert not lock.locked()


def test_released_across_threads() -> None:
    lock = greenrt.Lock()
    lock.acquire()
    thread = threading.Timer(0.01, lock.release)
    thread.start()
    assert lock.acquire(timeout=20)
    thread.join()
    waiter = threading.Thread(target=lock.acquire)
    waiter.start()
    lock.release()
    waiter.join()
    assert lock.locked()


def test_taken_back_whatever_is_thrown() -> None:
    """A condition holds the lock again after its wait; a kill during the wait for it is raised at the next wait."""
    lock = greenrt.RLock()
    steps: list[str] = []

    def work() -> None:
        lock.acquire()
        state = lock._release_save()
        gone_on.wait()
        lock._acquire_restore(state)
        steps.append("held")
        assert lock._is_owned()
        try:
            greenrt.sleep(0)
            steps.append("not reached")
        finally:
            lock.release()

    gone_on = greenrt.Event()
    worker = greenrt.spawn(work)
    greenrt.sleep(0.001)
    with lock:
        gone_on.set()
        greenrt.sleep(0.001)
        worker.kill(block=False)
        greenrt.sleep(0.001)
        assert not worker.dead
    worker.join()
    assert steps == ["held"]
    assert lock.acquire(False)


def test_released_twice_at_once_it_is_free_once() -> None:
    """Both releases find the lock taken while the internal lock is held, so its holder runs them."""
    lock = greenrt.Lock()
    lock.acquire()
    assert lock._enter()
    try:
        lock.release()
        lock.release()
    finally:
        lock._finish()
    assert lock.acquire(False)
    assert not lock.acquire(False)


def test_nothing_holds_it_after_use() -> None:
    for kind in (greenrt.Lock, greenrt.RLock):
        lock = kind()
        with lock:
            waiter = greenrt.spawn(lock.acquire)
            greenrt.sleep(0)
        waiter.join()
        there = weakref.ref(lock)
        del lock, waiter
        gc.collect()
        assert there() is None


@pytest.mark.parametrize("poll", ["with", "acquire", "timeout", "try"])
def test_who_never_waits_lets_others_run(poll: str) -> None:
    lock, stopped, others = greenrt.Lock(), [], greenrt.Lock()
    others.acquire()

    def work() -> None:
        while not stopped:
            if poll == "with":
                with lock:
                    pass
            elif poll == "try":
                assert not others.acquire(False)
            else:
                assert lock.acquire() if poll == "acquire" else lock.acquire(timeout=5)
                lock.release()

    def stop() -> None:
        stopped.append(True)

    worker = greenrt.spawn(work)
    stopper = greenrt.spawn(stop)
    greenrt.joinall([worker, stopper], raise_error=True)
    assert stopped


def test_a_kill_at_a_free_lock_leaves_it_free() -> None:
    lock = greenrt.Lock()

    def work() -> None:
        while True:
            with lock:
                pass

    worker = greenrt.spawn(work)
    greenrt.sleep(0)
    worker.kill()
    assert worker.dead
    assert not lock.locked()
