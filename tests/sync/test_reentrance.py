"""Primitives used inside any operation: in finalizers that the garbage collector runs, and in signal handlers.

No call waits for itself there, and no operation is lost. Each test runs in a child process with its own collections
and timers.
"""

import pytest
from support.child import run_script

# The duration of each campaign in seconds.
BOX = 0.7

COMMON = f"""
import gc, signal, sys, threading, time
import greenrt
from queue import Empty, Full

BOX = {BOX}


class Tool:
    # One of each, the operations that never wait, and how often each was done.
    def __init__(self):
        self.event = greenrt.Event()
        self.semaphore = greenrt.Semaphore(0)
        self.lock = greenrt.Lock()
        self.rlock = greenrt.RLock()
        self.queue = greenrt.Queue()
        self.bounded = greenrt.Queue(3)
        self.ranked = greenrt.PriorityQueue()
        self.result = greenrt.AsyncResult()
        self.local = greenrt.local()
        self.released = self.put = self.kept = self.runs = 0
        self.busy = False

    def use(self):
        # A finalizer or a handler may come in the midst of another: the counts are not what is tested.
        if self.busy:
            return
        self.busy = True
        try:
            self.runs += 1
            self.event.set()
            self.event.clear()
            self.semaphore.release()
            self.released += 1
            self.semaphore.acquire(False) and self.semaphore.release()
            if self.lock.acquire(False):
                self.lock.release()
            if self.rlock.acquire(False):
                self.rlock.release()
            self.queue.put(self.put)
            self.ranked.put_nowait(self.put)
            self.put += 1
            try:
                self.bounded.put_nowait(self.kept)
                self.kept += 1
            except Full:
                pass
            self.result.set(self.runs)
            self.local.x = self.runs
        finally:
            self.busy = False


tool = Tool()


def consume(give_up):
    # Every operation, waiting and not, while the tool is used in the middle of it.
    got, ranked, bounded, acquired = [], [], [], 0
    while time.monotonic() < give_up:
        for _ in range(20):
            tool.event.wait(0)
            tool.event.set()
            with tool.lock:
                pass
            with tool.rlock:
                pass
            if tool.semaphore.acquire(False):
                acquired += 1
            for queue, into in ((tool.queue, got), (tool.ranked, ranked), (tool.bounded, bounded)):
                try:
                    into.append(queue.get_nowait())
                except Empty:
                    pass
            tool.local.y = 1
            tool.result.ready()
        greenrt.sleep(0)
    return got, ranked, bounded, acquired


def check(outcomes):
    rest = lambda queue: [queue.get_nowait() for _ in range(queue.qsize())]
    got = [item for outcome in outcomes for item in outcome[0]] + rest(tool.queue)
    ranked = [item for outcome in outcomes for item in outcome[1]] + rest(tool.ranked)
    bounded = [item for outcome in outcomes for item in outcome[2]] + rest(tool.bounded)
    acquired = sum(outcome[3] for outcome in outcomes)
    assert tool.runs > 20, tool.runs
    assert sorted(got) == list(range(tool.put)), (len(got), tool.put)
    assert sorted(ranked) == list(range(tool.put)), (len(ranked), tool.put)
    assert sorted(bounded) == list(range(tool.kept)), (len(bounded), tool.kept)
    assert tool.semaphore.counter == tool.released - acquired
    assert tool.lock.acquire(False) and tool.rlock.acquire(False)
    assert tool.result.value == tool.runs
    # And they still wake who waits.
    waiter = greenrt.spawn(tool.queue.get)
    greenrt.sleep(0)
    tool.queue.put("last")
    assert waiter.get(timeout=5) == "last"
    print(tool.runs, len(got), acquired)
"""

WORKERS = {
    "one greenlet": "outcomes = [consume(time.monotonic() + BOX)]",
    "greenlets": """
give_up = time.monotonic() + BOX
workers = [greenrt.spawn(consume, give_up) for _ in range(3)]
greenrt.joinall(workers, raise_error=True)
outcomes = [worker.value for worker in workers]
""",
    "greenlets and threads": """
give_up = time.monotonic() + BOX
outcomes = []
threads = [threading.Thread(target=lambda: outcomes.append(consume(give_up))) for _ in range(2)]
for thread in threads:
    thread.start()
workers = [greenrt.spawn(consume, give_up) for _ in range(2)]
greenrt.joinall(workers, raise_error=True)
for thread in threads:
    thread.join()
outcomes += [worker.value for worker in workers]
""",
}


@pytest.mark.parametrize("workers", WORKERS)
def test_in_signal_handlers(workers: str) -> None:
    run_script(
        COMMON
        + """
signal.signal(signal.SIGALRM, lambda number, frame: tool.use())
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
"""
        + WORKERS[workers]
        + """
signal.setitimer(signal.ITIMER_REAL, 0)
check(outcomes)
"""
    )


def test_in_signal_handlers_that_wait() -> None:
    """The handler interrupts a wait, or any other operation, and waits itself, in the same greenlet."""
    run_script(
        COMMON
        + """
# The hub can't wait, and the handlers of one greenlet would pile up.
greenrt.sleep(0)
hub, waiting = greenrt.get_hub(), set()
waits = 0

def handle(number, frame):
    global waits
    me = greenrt.getcurrent()
    if me is hub or me in waiting:
        return
    waiting.add(me)
    try:
        tool.use()
        greenrt.sleep(0.0002 if tool.runs % 3 else 0)
        waits += 1
    finally:
        waiting.discard(me)

signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
"""
        + WORKERS["greenlets"]
        + """
signal.setitimer(signal.ITIMER_REAL, 0)
check(outcomes)
assert waits > 20, waits
"""
    )


@pytest.mark.parametrize("workers", WORKERS)
def test_in_finalizers(workers: str) -> None:
    run_script(
        COMMON
        + """
class Garbage:
    # A new one for each that is collected: the next collection finds it, wherever that comes.
    def __init__(self):
        self.itself = self

    def __del__(self):
        if not done:
            tool.use()
            Garbage()


done = False
for _ in range(3):
    Garbage()
gc.set_threshold(5, 2, 2)
"""
        + WORKERS[workers]
        + """
done = True
gc.collect()
check(outcomes)
"""
    )


@pytest.mark.parametrize(
    "kind", ["Event().wait", "Semaphore(0).acquire", "Queue().get", "Channel().get", "AsyncResult().get"]
)
def test_ctrl_c_ends_a_wait(kind: str) -> None:
    run_script(
        f"""
import signal, threading
import greenrt

wait = greenrt.{kind}
signal.signal(signal.SIGINT, signal.default_int_handler)
for _ in range(3):
    try:
        # Late enough to find the hub asleep: one that comes while it imports something may be lost in a weakref
        # callback of CPython's.
        threading.Timer(0.2, signal.raise_signal, (signal.SIGINT,)).start()
        wait()
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("not interrupted")
assert "waiting=1" not in repr(wait.__self__) and "getters" not in repr(wait.__self__).replace("getters=0", "")
"""
    )
