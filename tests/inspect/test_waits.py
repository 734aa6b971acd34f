"""What parked greenlets wait for: the holders of locks, pools, conditions; and circles of them."""

import io
import json
from collections.abc import Callable

import pytest
from support.child import run_script

import greenrt
from greenrt import inspect
from greenrt.inspect import snapshot
from greenrt.inspect.groups import grouped


def wait_of(target: "greenrt.Greenlet[object]") -> str:
    """Return what a greenlet waits on, according to its record, once it waits.

    On a busy machine that takes several yields: an operation of a lock yields if a poll is due.
    """
    target.name = "the one"
    while True:
        (found,) = [each.waits_on for each in inspect.greenlets() if each.name == "the one"]
        if found not in ("", "sleep(0)"):
            return found
        greenrt.sleep(0)


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        greenrt.sleep(0)


@pytest.mark.parametrize("kind", [greenrt.Lock, greenrt.RLock])
def test_a_lock_has_its_holder(kind: Callable[[], "greenrt.Lock | greenrt.RLock"]) -> None:
    lock = kind()
    release = greenrt.Event()

    def hold() -> None:
        with lock:
            release.wait()

    def wait() -> None:
        with lock:
            pass

    holding = greenrt.spawn(hold)
    holding.name = "the holder"
    until(lock.locked)
    waiting = greenrt.spawn(wait)
    assert wait_of(waiting) == f"<locked {kind.__name__} at {id(lock):#x}>, held by the holder"
    release.set()
    greenrt.joinall([holding, waiting])


def test_a_lock_is_not_kept_by_the_last_one_to_take_it() -> None:
    lock = greenrt.Lock()
    lock.acquire()
    waiting = greenrt.spawn(lock.acquire)
    greenrt.sleep(0)
    assert wait_of(waiting).endswith("held by main")
    lock.release()
    waiting.join()
    last = greenrt.spawn(lock.acquire)
    greenrt.sleep(0)
    del waiting
    assert wait_of(last).endswith("held by a greenlet that has ended")
    last.kill()


def test_attempts_that_fail_and_waits_of_conditions_note_the_right_holder() -> None:
    lock = greenrt.Lock()
    condition = greenrt.Condition(lock)
    release = greenrt.Event()
    steps = []

    def consume() -> None:
        with condition:
            steps.append("waits")
            condition.wait()
            steps.append("holds")
            release.wait()

    consuming = greenrt.spawn(consume)
    consuming.name = "the consumer"
    until(lambda: "waits" in steps)
    with condition:
        condition.notify()
    until(lambda: "holds" in steps)
    assert not lock.acquire(blocking=False)
    assert not greenrt.spawn(lock.acquire, timeout=0.001).get()
    waiting = greenrt.spawn(lock.acquire)
    greenrt.sleep(0)
    assert wait_of(waiting).endswith("held by the consumer")
    release.set()
    greenrt.joinall([consuming, waiting])


def test_a_full_pool() -> None:
    pool = greenrt.Pool(1)
    event = greenrt.Event()
    pool.spawn(event.wait)
    waiting = greenrt.spawn(pool.spawn, event.wait)
    greenrt.sleep(0)
    assert wait_of(waiting) == f"room in <Pool at {id(pool):#x}>, of whose 1 places 1 are taken"
    event.set()
    waiting.join()
    pool.join()


def test_a_queue_has_its_numbers() -> None:
    queue: greenrt.Queue[int] = greenrt.Queue(maxsize=1)
    queue.put(1)
    waiting = greenrt.spawn(queue.put, 2)
    greenrt.sleep(0)
    assert wait_of(waiting) == f"<Queue at {id(queue):#x} 1 items maxsize=1 putters=1>"
    waiting.kill()


def circles() -> list[list[str]]:
    return snapshot.take(grouped).deadlocks


def test_a_circle_of_locks_and_joins() -> None:
    lock = greenrt.Lock()
    joining: list[greenrt.Greenlet[object]] = []

    def hold() -> None:
        with lock:
            joining[0].join()

    def wait() -> None:
        with lock:
            pass

    holding = greenrt.spawn(hold)
    holding.name = "the holder"
    waiting = greenrt.spawn(wait)
    waiting.name = "the waiter"
    joining.append(waiting)
    # It waits for the circle, and is no part of it.
    outside = greenrt.spawn(waiting.join)
    greenrt.sleep(0)
    (circle,) = circles()
    assert sorted(line.partition(" waits on ")[0] for line in circle) == ["the holder", "the waiter"]
    text = io.StringIO()
    inspect.dump(text)
    assert "\ndeadlock of 2 greenlets:\n    the " in text.getvalue()
    greenrt.killall([holding, waiting, outside])
    assert circles() == []


def test_waits_that_may_end_are_no_deadlock() -> None:
    lock = greenrt.Lock()
    other = greenrt.Lock()

    def take(first: greenrt.Lock, second: greenrt.Lock) -> None:
        with first:
            greenrt.sleep(0)
            second.acquire(timeout=30)

    def signal_itself() -> None:
        # Another greenlet may release it.
        mine = greenrt.Lock()
        mine.acquire()
        mine.acquire()

    targets = [
        greenrt.spawn(take, lock, other),
        greenrt.spawn(take, other, lock),
        greenrt.spawn(signal_itself),
    ]
    greenrt.sleep(0)
    greenrt.sleep(0)
    found = snapshot.take(grouped)
    assert found.deadlocks == []
    (circle,) = found.circles
    assert 0 < circle.seconds <= 30
    assert len(circle.greenlets) == 2
    text = io.StringIO()
    inspect.dump(text)
    assert "\n2 greenlets that wait for each other, for at most " in text.getvalue()
    greenrt.killall(targets)
    assert snapshot.take(grouped).circles == []


# -- Patched


def test_threads_have_their_names_targets_and_places() -> None:
    output, _ = run_script(
        """
        from greenrt import monkey
        monkey.patch_all()
        import _thread, json, threading, time
        from concurrent.futures import ThreadPoolExecutor
        from greenrt import inspect

        def work(number, key):
            time.sleep(60)

        class Mine(threading.Thread):
            def run(self):
                time.sleep(60)

        threading.Thread(target=work, args=(7,), kwargs={"key": "k"}, daemon=True).start()
        threading.Thread(target=work, args=(8, 9), name="worker", daemon=True).start()
        Mine(daemon=True, name="mine").start()
        _thread.start_new_thread(work, (1, 2))
        time.sleep(0)
        print(json.dumps([
            (each.name, each.function, each.arguments, each.spawned_at, [place.function for place in each.stack])
            for each in inspect.greenlets()
        ]))
        """
    )
    found = {name: rest for name, *rest in json.loads(output)}
    assert found.pop("main")
    bare = next(name for name in found if name.startswith("_GreenThread at "))
    assert list(found) == ["Thread-1 (work)", "worker", "mine", bare]
    assert [rest[0] for rest in found.values()] == ["work", "work", "Mine.run", "work"]
    assert found["Thread-1 (work)"][1] == ["7", "key='k'"]
    assert found[bare][1] == ["1", "2"]
    # The line of the program that started each.
    assert [rest[2] for rest in found.values()] == [
        f"<string>:{line} in <module>" for line in (16, 17, 18, 19)
    ]
    assert [rest[3] for rest in found.values()] == [["work"], ["work"], ["Mine.run"], ["work"]]


def test_methods_of_any_object_as_threads() -> None:
    run_script(
        """
        from greenrt import monkey
        monkey.patch_all()
        import _thread, threading, time
        from greenrt import inspect

        class Slotted:
            __slots__ = ()
            def run(self):
                time.sleep(60)

        class Like:
            def __init__(self):
                self._target = self._args = self._started = 5
            run = Slotted.run

        class Arguments:
            def __iter__(self):
                seen.append(self)
                return iter(())

        seen = []
        _thread.start_new_thread(Slotted().run, ())
        _thread.start_new_thread(Like().run, ())
        thread = threading.Thread(target=Slotted().run, daemon=True)
        thread._args = Arguments()
        thread.start()
        time.sleep(0)
        once = len(seen)
        inspect.dump(open("/dev/null", "w"))
        functions = sorted(each.function for each in inspect.greenlets())
        assert functions == ["", "Slotted.run", "Slotted.run", "Slotted.run"], functions
        assert len(seen) == once == 1
        """
    )


def test_a_circle_with_a_join() -> None:
    run_script(
        """
        from greenrt import monkey
        monkey.patch_all()
        import threading, time
        from greenrt.inspect import greenlets, snapshot
        from greenrt.inspect.groups import grouped
        lock = threading.Lock()
        started = threading.Event()

        def holds():
            with lock:
                started.wait()
                threads[1].join()

        def waits():
            started.set()
            with lock:
                pass

        threads = [threading.Thread(target=each, name=each.__name__, daemon=True) for each in (holds, waits)]
        for thread in threads:
            thread.start()
        joining = threading.Thread(target=threads[0].join, args=(30,), name="joins", daemon=True)
        joining.start()
        time.sleep(0.01)
        found = snapshot.take(grouped)
        (circle,) = found.deadlocks
        assert found.circles == []
        assert "holds waits on the end of thread waits" in circle, circle
        assert any(each.startswith("waits waits on <locked ") and each.endswith(", held by holds") for each in circle)
        assert {each.name: each.waits_on for each in greenlets()}["joins"] == "the end of thread holds"
        """
    )


def test_a_wait_for_a_notification() -> None:
    run_script(
        """
        from greenrt import monkey
        monkey.patch_all()
        import threading, time
        from greenrt import inspect
        condition = threading.Condition()
        event = threading.Event()
        def wait():
            with condition:
                condition.wait()
        threading.Thread(target=wait, daemon=True).start()
        threading.Thread(target=event.wait, daemon=True).start()
        time.sleep(0)
        with condition:
            texts = [each.waits_on for each in inspect.greenlets()]
        text = f"a notification of <threading.Condition at {id(condition):#x} waiting=1>; its lock is held by main"
        assert text in texts, texts
        assert f"<threading.Event at {id(event):#x}> to be set" in texts, texts
        """
    )


def test_a_pools_greenlet_is_spawned_where_the_program_says_so() -> None:
    event = greenrt.Event()
    pool = greenrt.Pool()
    target = pool.spawn(event.wait)
    assert target.spawned_at.endswith(" in test_a_pools_greenlet_is_spawned_where_the_program_says_so")
    assert __file__ in target.spawned_at
    event.set()
    pool.join()
