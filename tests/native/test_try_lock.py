"""The try-lock."""

import threading

from greenrt._native.try_lock import TryLock


def test_one_at_a_time() -> None:
    gate = TryLock()
    assert gate._enter()
    assert not gate._enter()
    gate._leave()
    assert gate._enter()


def test_knows_its_thread() -> None:
    gate = TryLock()
    assert not gate._held_here()
    gate._enter()
    assert gate._held_here()
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(gate._held_here()))
    thread.start()
    thread.join()
    assert seen == [False]
    gate._leave()
    assert not gate._held_here()


def test_a_subclass_need_not_call_init() -> None:
    class Sub(TryLock):
        def __init__(self, _argument: str) -> None:
            pass

    assert Sub("x")._enter()


def test_excludes_threads() -> None:
    gate, counter, tries = TryLock(), [0], 20_000

    def work() -> None:
        done = 0
        while done < tries:
            if gate._enter():
                # An increment is lost if two threads are here at once.
                value = counter[0]
                counter[0] = value + 1
                gate._leave()
                done += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter == [4 * tries]
