"""multiprocessing, patched: its processes, queues, pools and locks, with each start method."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.child import environment

PROGRAM = """
import multiprocessing, sys, threading, time

def greet(queue, lock):
    with lock:
        queue.put("hello")

def square(number):
    return number * number

def main():
    context = multiprocessing.get_context(sys.argv[1])
    ticks = []
    def tick():
        while True:
            time.sleep(0.005)
            ticks.append(1)
    threading.Thread(target=tick, daemon=True).start()

    queue, lock = context.Queue(), context.RLock()
    processes = [context.Process(target=greet, args=(queue, lock)) for _ in range(3)]
    for process in processes:
        process.start()
    assert [queue.get(timeout=20) for _ in processes] == ["hello"] * 3
    for process in processes:
        process.join(20)
    assert [process.exitcode for process in processes] == [0, 0, 0]

    with context.Pool(2) as pool:
        assert pool.map(square, range(5)) == [0, 1, 4, 9, 16]

    # Green threads own locks, though they share a native thread.
    order = []
    lock.acquire()
    lock.acquire()
    def other():
        with lock:
            order.append("other")
    thread = threading.Thread(target=other)
    thread.start()
    time.sleep(0.05)
    order.append("main")
    lock.release()
    time.sleep(0.05)
    lock.release()
    thread.join()
    assert order == ["main", "other"], order

    # A wait suspends only its green thread.
    event = context.Event()
    threading.Timer(0.1, event.set).start()
    assert event.wait(20)
    semaphore = context.Semaphore(0)
    before = len(ticks)
    assert not semaphore.acquire(timeout=0.1)
    assert len(ticks) > before
    try:
        context.BoundedSemaphore(1).release()
    except ValueError:
        print("done")

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_each_way_of_starting(method: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "greenrt.monkey", str(program), method],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


EARLY = """
import multiprocessing.managers, sys, threading
from greenrt import monkey
monkey.patch_all()

def main():
    wrong = []
    with multiprocessing.get_context(sys.argv[1]).Manager() as manager:
        shared = manager.dict()
        # The factories were registered before patching, and are pickled for a server that is not a fork.
        with manager.Lock(), manager.RLock(), manager.Condition(), manager.Semaphore():
            manager.Event().set()
        def work(number):
            for turn in range(20):
                shared[number] = (number, turn)
                if shared[number] != (number, turn):
                    wrong.append(number)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    print("done", wrong)

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_each_thread_has_its_own_connection_to_a_manager(method: str, tmp_path: Path) -> None:
    """This holds also if multiprocessing, which keeps it in a thread-local, was imported before patching."""
    program = tmp_path / "program.py"
    program.write_text(EARLY)
    done = subprocess.run(
        [sys.executable, str(program), method],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done []\n", "")


OWNERS = """
import multiprocessing, threading
context = multiprocessing.get_context("fork")
def show(*things):
    print(*things, *(thing._semlock._is_mine() for thing in things if hasattr(thing, "_semlock")))
def elsewhere(function, *args, name="T1"):
    thread = threading.Thread(target=function, args=args, name=name)
    thread.start()
    thread.join()
def use(condition):
    try: condition.notify()
    except AssertionError as error: print(error)
    try: condition.wait(0)
    except AssertionError as error: print(error)
def hold(lock):
    lock.acquire()
    show(lock)
    elsewhere(show, lock, name="T2")
    show(lock)
for make in (context.Lock, context.RLock, context.Semaphore, lambda: context.BoundedSemaphore(2)):
    lock = make()
    show(lock)
    with lock:
        show(lock)
        elsewhere(show, lock)
        elsewhere(use, context.Condition(lock))
    show(lock)
    elsewhere(show, lock)
    elsewhere(hold, lock)
    show(lock)
lock = context.RLock()
with lock, lock:
    show(lock)
    elsewhere(show, lock)
lock = context.Lock()
lock.acquire()
elsewhere(lock.release)
show(lock)
elsewhere(lock.acquire)
show(lock)
process = context.Process(target=show, args=(lock,), name="P1")
process.start()
process.join()
"""


def test_locks_tell_their_owner_as_unpatched(tmp_path: Path) -> None:
    """The owner is a green thread, for every kind of lock and semaphore."""
    program = tmp_path / "program.py"
    program.write_text(OWNERS)
    printed = [
        subprocess.run(
            [sys.executable, *options, str(program)],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for options in ((), ("-m", "greenrt.monkey"))
    ]
    assert "SomeOtherThread" in printed[0]
    assert printed[1] == printed[0]
