"""The try-lock."""

import threading

from greenrt._native.try_lock import TryLock


def test_one_at_a_time() -> None:
    lock = TryLock()
    assert lock._enter()
    assert not lock._enter()
    lock._leave()
    assert lock._enter()


def test_knows_its_thread() -> None:
    lock = TryLock()
    assert not lock._held_here()
    lock._enter()
    assert lock._held_here()
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(lock._held_here()))
    thread.start()
    thread.join()
    assert seen == [False]
    lock._leave()
    assert not lock._held_here()


def test_a_subclass_need_not_call_init() -> None:
    class Sub(TryLock):
        def __init__(self, _argument: str) -> None:
            pass

    assert Sub("x")._enter()


def test_excludes_threads() -> None:
    lock, counter, tries = TryLock(), [0], 20_000

    def work() -> None:
        done = 0
        while done < tries:
            if lock._enter():
                # An increment is lost if two threads are here at once.
                value = counter[0]
                counter[0] = value + 1
                lock._leave()
                done += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter == [4 * tries]
