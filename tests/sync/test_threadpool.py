"""ThreadPool: native threads that work for greenlets."""

import threading
import time
from typing import Any

import pytest
from support.child import run_script

import greenrt
from greenrt.sync.executor import ThreadPoolExecutor


@pytest.fixture
def pool() -> Any:
    made = greenrt.ThreadPool(4)
    yield made
    made.join()
    made.kill()
    while made.size:
        greenrt.sleep(0.001)


def test_others_run_while_threads_block(pool: Any):
    turns: list[int] = []

    def count() -> None:
        while True:
            turns.append(1)
            greenrt.sleep(0.001)

    counting = greenrt.spawn(count)
    began = time.monotonic()
    assert pool.map(lambda number: (time.sleep(0.05), number)[1], range(8)) == list(range(8))
    counting.kill()
    assert len(turns) > 10
    # Eight of 0.05 s one after the other take 0.4 s.
    assert time.monotonic() - began < 0.35
    assert 1 <= pool.size <= 4


def test_results_errors_and_identity(pool: Any):
    assert pool.apply(threading.get_ident) != threading.get_ident()
    assert pool.spawn(pow, 2, 3).get() == 8
    with pytest.raises(ZeroDivisionError):
        pool.apply(lambda: 1 / 0)
    # A failed job ends no thread.
    assert pool.apply(abs, (-1,)) == 1
    with pytest.raises(TypeError, match="spawn\\(fn"):
        pool.spawn(5)
    assert sorted(pool.imap_unordered(abs, [-1, -2, -3])) == [1, 2, 3]


def test_more_jobs_than_threads_wait(pool: Any):
    go = threading.Event()
    jobs = [pool.spawn(go.wait) for _ in range(4)]
    waiting = greenrt.spawn(pool.spawn, abs, -1)
    greenrt.sleep(0.01)
    assert not waiting.ready()
    assert len(pool) == 4
    go.set()
    assert [job.get() for job in jobs] == [True] * 4
    assert waiting.get().get() == 1


def test_a_killed_waiter_drops_the_result(pool: Any):
    go = threading.Event()
    waiting = greenrt.spawn(pool.apply, go.wait)
    greenrt.sleep(0.01)
    waiting.kill()
    go.set()
    pool.join()
    assert pool.apply(abs, (-2,)) == 2


def test_from_several_hubs_and_from_none(pool: Any):
    seen: list[int] = []

    def with_hub() -> None:
        greenrt.joinall([greenrt.spawn(lambda: seen.append(pool.apply(abs, (-1,)))) for _ in range(10)])
        greenrt.get_hub().destroy()

    def without_hub() -> None:
        seen.extend(pool.spawn(abs, -1).get() for _ in range(10))

    threads = [threading.Thread(target=function) for function in (with_hub, with_hub, without_hub)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        greenrt.sleep(0.005)
    assert seen == [1] * 30


def test_maxsize_can_be_set(pool: Any):
    pool.map(abs, range(10))
    pool.maxsize = 1
    pool.join()
    while pool.size > 1:
        greenrt.sleep(0.001)
    assert pool.map(abs, range(3)) == [0, 1, 2]
    with pytest.raises(ValueError, match="at least one"):
        pool.maxsize = 0
    with pytest.raises(ValueError, match="at least one"):
        greenrt.ThreadPool(0)


def test_idle_threads_end_in_time():
    pool = greenrt.ThreadPool(2, idle_task_timeout=0.01)
    assert pool.apply(abs, (-1,)) == 1
    while pool.size:
        greenrt.sleep(0.005)
    assert pool.apply(abs, (-1,)) == 1
    while pool.size:
        greenrt.sleep(0.005)


def test_executor():
    with ThreadPoolExecutor(3) as executor:
        assert list(executor.map(abs, [-1, -2])) == [1, 2]
        future = executor.submit(lambda: 1 / 0)
        assert isinstance(future.exception(), ZeroDivisionError)
        with pytest.raises(ZeroDivisionError):
            future.result()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(abs, 1)
    while executor._pool.size:
        greenrt.sleep(0.001)


@pytest.mark.parametrize("job", ["lambda: None", "lambda: time.sleep(30)"], ids=["idle", "busy"])
def test_the_end_of_the_process_waits_for_no_thread(job: str):
    began = time.monotonic()
    _, errors = run_script(f"""
        import greenrt, time
        pool = greenrt.ThreadPool(3)
        for _ in range(3):
            pool.spawn({job})
        greenrt.sleep(0.05)
    """)
    assert errors == ""
    assert time.monotonic() - began < 20


def test_the_child_of_a_fork_has_threads_of_its_own():
    out, _ = run_script("""
        import os, sys, warnings
        warnings.simplefilter("ignore")
        import greenrt
        pool = greenrt.ThreadPool(2)
        print(pool.apply(abs, (-1,)), flush=True)
        pid = os.fork()
        if pid == 0:
            try:
                greenrt.get_hub().loop.reinit()
                print(pool.apply(abs, (-2,)), pool.size, flush=True)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        print(pool.apply(abs, (-3,)))
    """)
    assert out == "1\n2 1\n3\n"


def test_a_blocked_program_is_told_though_threads_idle():
    _, errors = run_script(
        """
        import greenrt
        greenrt.ThreadPool(2).apply(abs, (1,))
        greenrt.sleep(0.05)
        greenrt.Event().wait()
        """,
        code=1,
    )
    assert "would block forever" in errors
