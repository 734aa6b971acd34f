"""ThreadPool: native threads that make calls for greenlets."""

import concurrent.futures
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.child import run_script

import greenrt
from greenrt.errors import Cancelled, WouldDeadlock
from greenrt.sync.executor import ThreadPoolExecutor


@pytest.fixture
def pool() -> Iterator[greenrt.ThreadPool]:
    made = greenrt.ThreadPool(4)
    yield made
    made.join()
    made.kill()
    while made.size:
        greenrt.sleep(0.001)


def test_others_run_while_threads_block(pool: greenrt.ThreadPool) -> None:
    together, go = threading.Barrier(4), threading.Event()
    inside: list[int] = []

    def block(number: int) -> int:
        together.wait(30)
        inside.append(number)
        assert go.wait(30)
        return number

    def let_go() -> None:
        while len(inside) < 4:
            greenrt.sleep(0.001)
        go.set()

    greenrt.spawn(let_go)
    assert pool.map(block, range(8)) == list(range(8))
    assert pool.size == 4


def test_results_errors_and_identity(pool: greenrt.ThreadPool) -> None:
    assert pool.apply(threading.get_ident) != threading.get_ident()
    assert pool.spawn(pow, 2, 3).get() == 8
    with pytest.raises(ZeroDivisionError):
        pool.apply(lambda: 1 / 0)
    # A failed job does not end its thread.
    assert pool.apply(abs, (-1,)) == 1
    with pytest.raises(TypeError, match="spawn\\(fn"):
        pool.spawn(5)
    assert sorted(pool.imap_unordered(abs, [-1, -2, -3])) == [1, 2, 3]


def test_more_jobs_than_threads_wait(pool: greenrt.ThreadPool) -> None:
    go = threading.Event()
    jobs = [pool.spawn(go.wait) for _ in range(4)]
    waiting = greenrt.spawn(pool.spawn, abs, -1)
    greenrt.sleep(0.01)
    assert not waiting.ready()
    assert len(pool) == 4
    go.set()
    assert [job.get() for job in jobs] == [True] * 4
    assert waiting.get().get() == 1


def test_a_killed_waiter_drops_the_result(pool: greenrt.ThreadPool) -> None:
    go = threading.Event()
    began = threading.Event()
    waiting = greenrt.spawn(pool.apply, lambda: (began.set(), go.wait()))
    while not began.is_set():
        greenrt.sleep(0.001)
    waiting.kill()
    go.set()
    pool.join()
    assert pool.apply(abs, (-2,)) == 2


def test_from_several_hubs_and_from_none(pool: greenrt.ThreadPool) -> None:
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


def test_maxsize_can_be_set(pool: greenrt.ThreadPool) -> None:
    pool.map(abs, range(10))
    pool.maxsize = 1
    pool.join()
    while pool.size > 1:
        greenrt.sleep(0.001)
    assert pool.map(abs, range(3)) == [0, 1, 2]
    with pytest.raises(ValueError, match="maxsize must be at least 0"):
        pool.maxsize = -1
    with pytest.raises(ValueError, match="maxsize must be at least 0"):
        greenrt.ThreadPool(-1)


def test_calls_wait_while_maxsize_is_0(pool: greenrt.ThreadPool) -> None:
    assert pool.apply(abs, (-1,)) == 1
    pool.maxsize = 0
    waiting = greenrt.spawn(pool.apply, abs, (-2,))
    greenrt.sleep(0.01)
    assert not waiting.ready()
    pool.maxsize = 2
    assert waiting.get(timeout=30) == 2


def test_a_smaller_maxsize_counts_outstanding_calls() -> None:
    pool = greenrt.ThreadPool(2)
    gates = [greenrt.Event(), greenrt.Event()]
    calls = [pool.spawn(gate.wait, 30) for gate in gates]
    pool.maxsize = 1
    third = greenrt.spawn(pool.apply, abs, (-3,))
    gates[0].set()
    assert calls[0].get(timeout=30)
    # One call is still outstanding, and there is room for one.
    greenrt.sleep(0.01)
    assert not third.ready()
    gates[1].set()
    assert third.get(timeout=30) == 3


def test_size_can_be_set() -> None:
    pool = greenrt.ThreadPool(3)
    for size in (2, 3, 1, 0):
        pool.size = size
        assert pool.size == size
    for wrong in (-1, 4):
        with pytest.raises(ValueError, match="size must be at"):
            pool.size = wrong
    assert pool.apply(abs, (-1,)) == 1


def test_idle_threads_end_in_time() -> None:
    pool = greenrt.ThreadPool(2, idle_task_timeout=0.01)
    assert pool.apply(abs, (-1,)) == 1
    while pool.size:
        greenrt.sleep(0.005)
    assert pool.apply(abs, (-1,)) == 1
    while pool.size:
        greenrt.sleep(0.005)


def test_executor() -> None:
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
def test_the_end_of_the_process_waits_for_no_thread(job: str) -> None:
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


def test_the_child_of_a_fork_has_threads_of_its_own() -> None:
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


@pytest.mark.parametrize(
    "use",
    [
        "os.system('true')",
        "greenrt.ThreadPool(3).map(abs, range(9))",
        "pool = greenrt.get_hub().threadpool; pool.size = 4",
    ],
)
def test_a_fork_ends_threads_without_a_job(use: str) -> None:
    """CPython 3.12 and later warn of a fork in a process with several threads."""
    out, _ = run_script(f"""
        from greenrt import monkey
        monkey.patch_all()
        import faulthandler, os
        import greenrt
        # This test counts threads.
        faulthandler.cancel_dump_traceback_later()
        {use}
        seen = []
        os.register_at_fork(after_in_parent=lambda: seen.append(len(os.listdir("/proc/self/task"))))
        pid = os.fork()
        if pid == 0:
            os._exit(os.waitstatus_to_exitcode(os.system("exit 3")))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
        print(seen, greenrt.get_hub().threadpool.apply(abs, (-2,)))
    """)
    assert out == "[1] 2\n"


def test_a_fork_leaves_threads_with_a_job_alone() -> None:
    out, _ = run_script("""
        import os, threading, warnings
        warnings.simplefilter("ignore")
        import greenrt
        pool = greenrt.ThreadPool(2)
        go_on = threading.Event()
        busy = pool.spawn(go_on.wait)
        pool.apply(abs, (1,))
        for end in (lambda: None, pool.kill):
            end()
            if os.fork() == 0:
                os._exit(0)
            os.wait()
            print(pool.size, len(pool), busy.ready())
        go_on.set()
        print(busy.get(), pool.apply(abs, (-3,)))
    """)
    assert out == "1 1 False\n0 1 False\nTrue 3\n"


def test_a_blocked_program_is_told_though_threads_idle() -> None:
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


def busy(pool: Any, go: threading.Event) -> list[Any]:
    """Occupy all threads of `pool`."""
    began: list[int] = []
    jobs = [pool.spawn(lambda: (began.append(1), go.wait())[1]) for _ in range(pool.maxsize)]
    while len(began) < pool.maxsize:
        greenrt.sleep(0.001)
    return jobs


def gone(pool: Any) -> None:
    while pool.size:
        greenrt.sleep(0.001)


def test_close_makes_all_calls_and_takes_no_more() -> None:
    pool, go = greenrt.ThreadPool(2), threading.Event()
    jobs = busy(pool, go)
    late = [greenrt.spawn(pool.spawn, abs, -1) for _ in range(3)]
    closing = greenrt.spawn(pool.close)
    greenrt.sleep(0.01)
    assert not closing.ready()
    with pytest.raises(RuntimeError, match="closed"):
        pool.spawn(abs, -1)
    go.set()
    closing.get()
    assert [job.get() for job in jobs] == [True, True]
    # These greenlets were waiting for a thread when the pool was closed.
    for one in late:
        with pytest.raises(RuntimeError, match="closed"):
            one.get()
    pool.close()
    gone(pool)


def test_kill_cancels_what_was_not_begun_and_nobody_hangs() -> None:
    pool, go = greenrt.ThreadPool(2), threading.Event()
    jobs = busy(pool, go)
    # Queue calls behind the busy threads: the pool then accepts more calls than it has threads.
    pool.maxsize = 4
    pool._maxsize = 2
    queued = [pool.spawn(abs, -1) for _ in range(2)]
    pool.kill()
    for one in queued:
        with pytest.raises(Cancelled, match="before it called"):
            one.get(timeout=5)
    assert not any(job.ready() for job in jobs)
    go.set()
    assert [job.get(timeout=5) for job in jobs] == [True, True]
    gone(pool)
    assert len(pool) == 0
    # The pool can be used again.
    assert pool.apply(abs, (-3,)) == 3
    pool.kill()
    gone(pool)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_an_exit_raised_by_a_call_goes_to_its_waiter(
    pool: greenrt.ThreadPool, kind: type[BaseException]
) -> None:
    def raising() -> None:
        raise kind("on purpose")

    with pytest.raises(kind, match="on purpose"):
        pool.apply(raising)
    assert pool.apply(abs, (-1,)) == 1


def test_who_spawned_may_be_gone_when_the_call_returns(pool: greenrt.ThreadPool) -> None:
    go = threading.Event()

    def short_lived() -> None:
        greenrt.get_hub()
        for _ in range(4):
            pool.spawn(go.wait)

    thread = threading.Thread(target=short_lived)
    thread.start()
    while thread.is_alive():
        greenrt.sleep(0.001)
    go.set()
    # All four threads are available again.
    pool.join()
    assert pool.map(abs, range(8)) == list(range(8))


def test_a_call_that_the_parent_of_a_fork_makes_is_cancelled_in_the_child() -> None:
    out, _ = run_script("""
        import os, time, warnings
        warnings.simplefilter("ignore")
        import greenrt
        from greenrt.errors import Cancelled
        pool = greenrt.ThreadPool(1)
        read_fd, write_fd = os.pipe()
        waiting = greenrt.spawn(pool.apply, os.read, (read_fd, 1))
        queued = greenrt.spawn(pool.apply, abs, (-1,))
        greenrt.sleep(0.02)
        pid = os.fork()
        if pid == 0:
            try:
                waiting.get()
            except Cancelled as error:
                print("cancelled", flush=True)
            print(queued.get(), pool.apply(abs, (-2,)), flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        os.write(write_fd, b"x")
        print(waiting.get(), queued.get())
    """)
    assert out.split("\n")[:3] == ["cancelled", "1 2", "b'x' 1"]


# -- Jobs that arrive while threads end


def test_what_is_spawned_after_kill_is_called(pool: greenrt.ThreadPool) -> None:
    for number in range(100):
        assert pool.apply(abs, (-number,)) == number
        pool.kill()
        assert pool.spawn(abs, -number).get(timeout=20) == number


def test_what_is_spawned_while_killed_threads_are_busy_is_called(pool: greenrt.ThreadPool) -> None:
    release = threading.Event()
    jobs = busy(pool, release)
    waiting = [greenrt.spawn(pool.spawn, abs, -1) for _ in range(2)]
    greenrt.sleep(0)
    pool.kill()
    release.set()
    for job in jobs:
        job.get(timeout=20)
    for greenlet in waiting:
        assert greenlet.get(timeout=20).get(timeout=20) == 1


def test_a_smaller_size_that_is_asked_for_twice_keeps_threads(pool: greenrt.ThreadPool) -> None:
    release = threading.Event()
    jobs = busy(pool, release)
    pool.maxsize = 1
    pool.adjust()
    pool.adjust()
    release.set()
    for job in jobs:
        job.get(timeout=20)
    assert pool.spawn(abs, -1).get(timeout=20) == 1


def test_jobs_that_come_as_idle_threads_end_are_called() -> None:
    made = greenrt.ThreadPool(2, idle_task_timeout=0.001)
    for number in range(300):
        assert made.spawn(abs, -number).get(timeout=20) == number
        # Sleep about as long as a thread stays idle before it ends.
        time.sleep(0.0008 + number % 10 * 0.0001)
    made.kill()
    while made.size:
        greenrt.sleep(0.001)


def test_a_job_never_waits_for_a_thread_that_is_busy_if_there_may_be_another(
    pool: greenrt.ThreadPool,
) -> None:
    for _ in range(100):
        first = pool.spawn(int)
        greenrt.sleep(0)
        gate = threading.Event()
        blocked = pool.spawn(gate.wait)
        # This job needs a thread of its own, whatever the other threads are about to do.
        pool.spawn(gate.set).get(timeout=20)
        blocked.get(timeout=20)
        first.get(timeout=20)


@pytest.mark.parametrize("others", [0, 1])
def test_a_thread_that_cannot_be_started(
    pool: greenrt.ThreadPool, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    gate = threading.Event()
    blocked = [pool.spawn(gate.wait) for _ in range(others)]
    loop = greenrt.get_hub().loop
    before = loop.refs

    def refuse(*args: Any) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr("greenrt.sync.threadpool.start_helper", refuse)
        if others:
            # The other thread makes the call later.
            waiting = pool.spawn(abs, -1)
        else:
            with pytest.raises(RuntimeError, match="can't start new thread"):
                pool.spawn(abs, -1)
            assert len(pool) == 0
            assert loop.refs == before
            pool.join()
    gate.set()
    if others:
        assert waiting.get(timeout=20) == 1
    for job in blocked:
        job.get(timeout=20)
    # All places of the pool are free again.
    assert [pool.spawn(abs, -n).get(timeout=20) for n in range(2 * pool.maxsize)] == list(
        range(2 * pool.maxsize)
    )


def test_a_native_wait_for_futures_is_refused() -> None:
    gate = greenrt.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(gate.wait, 30)
        with pytest.raises(WouldDeadlock, match=r"call greenrt\.wait, or patch"):
            concurrent.futures.wait([future])
        with pytest.raises(AttributeError):
            next(concurrent.futures.as_completed([future]))
        gate.set()
        assert greenrt.wait([future], timeout=30) == [future]
        assert concurrent.futures.wait([future]).done == {future}
        assert list(concurrent.futures.as_completed([future])) == [future]


def test_a_thread_without_a_hub_may_wait_for_futures() -> None:
    gate = greenrt.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(gate.wait, 30)
        waiting = greenrt.get_hub().threadpool.spawn(concurrent.futures.wait, [future], 30)
        greenrt.sleep(0.01)
        gate.set()
        assert waiting.get(timeout=30).done == {future}
