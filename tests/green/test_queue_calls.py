"""The standard library's queues, patched: calls without a wait, and calls that the standard methods handle."""

from support.child import run_script

PRELUDE = """
import queue, sys, threading, time
early = queue.Queue(1)
from greenrt import monkey
monkey.patch_all()
import greenrt
from greenrt.green import _queue_calls
assert queue.Queue.put is _queue_calls.put

def raises(kind, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except kind:
        return True
    raise AssertionError(f"{function} raised no {kind}")
"""


def run(text: str) -> None:
    _, errors = run_script(PRELUDE + text)
    assert errors == ""


def test_producers_and_consumers() -> None:
    run("""
for kind in queue.Queue, queue.LifoQueue, queue.PriorityQueue:
    for most in 0, 1, 3:
        made, got = kind(most), []
        def produce(first):
            for item in range(first, 300, 3):
                made.put(item)
                if item % 7 == 0:
                    time.sleep(0)
        def consume():
            while (item := made.get()) >= 0:
                got.append(item)
                made.task_done()
            made.task_done()
        producers = [threading.Thread(target=produce, args=(i,)) for i in range(3)]
        consumers = [threading.Thread(target=consume) for _ in range(2)]
        for thread in producers + consumers:
            thread.start()
        for thread in producers:
            thread.join()
        made.join()
        assert made.empty() and made.unfinished_tasks == 0
        for _ in consumers:
            made.put(-1)
        for thread in consumers:
            thread.join()
        assert sorted(got) == list(range(300)), (kind, most)
""")


def test_the_order_is_the_kind_s() -> None:
    run("""
for kind, wanted in (queue.Queue, [3, 1, 2]), (queue.LifoQueue, [2, 1, 3]), (queue.PriorityQueue, [1, 2, 3]):
    made = kind()
    for item in 3, 1, 2:
        made.put(item)
    assert [made.get_nowait() for _ in range(3)] == wanted
""")


def test_full_empty_and_arguments() -> None:
    run("""
made = queue.Queue(1)
assert raises(queue.Empty, made.get_nowait) and raises(queue.Empty, made.get, True, 0.001)
assert raises(ValueError, made.get, timeout=-1)
made.put(item=1, block=True, timeout=None)
assert made.full() and made.qsize() == 1
assert raises(queue.Full, made.put_nowait, 2) and raises(queue.Full, made.put, 2, timeout=0.001)
assert raises(ValueError, made.put, 2, timeout=-1)
assert made.get(block=False, timeout=None) == 1
made.task_done()
assert raises(ValueError, made.task_done)
assert not made.mutex.locked()
""")


def test_waiters_are_woken_up() -> None:
    run("""
made = queue.Queue(1)
getter = greenrt.spawn(made.get)
time.sleep(0.01)
made.put(1)
assert getter.get(timeout=10) == 1
made.put(2)
putter = greenrt.spawn(made.put, 3)
time.sleep(0.01)
assert not putter.ready()
assert made.get() == 2
putter.get(timeout=10)
assert made.get() == 3
# A killed getter removes no item.
getter = greenrt.spawn(made.get)
time.sleep(0.01)
getter.kill()
made.put(4)
assert made.get_nowait() == 4
""")


def test_subclasses_and_attributes() -> None:
    run("""
class Unique(queue.Queue):
    def _init(self, maxsize):
        self.queue = set()
    def _put(self, item):
        self.queue.add(item)
    def _get(self):
        return self.queue.pop()
    def _qsize(self):
        return len(self.queue)

made = Unique()
for item in 1, 1, 1:
    made.put(item)
assert made.qsize() == 1 and made.unfinished_tasks == 3
assert made.get() == 1 and made.empty()

made = queue.Queue()
for item in range(5):
    made.put(item)
with made.mutex:
    made.queue.clear()
assert raises(queue.Empty, made.get_nowait)

# Items that cannot be compared: the queue still works.
made = queue.PriorityQueue()
made.put(1)
assert raises(TypeError, made.put, "text")
assert not made.mutex.locked()
""")


def test_while_the_lock_is_held_one_waits() -> None:
    run("""
made = queue.Queue()
with made.mutex:
    putter = greenrt.spawn(made.put, 1)
    time.sleep(0.01)
    assert not putter.ready() and not made.queue
putter.get(timeout=10)
assert made.get() == 1
""")


def test_across_native_threads() -> None:
    run("""
made, back, pool = queue.Queue(5), queue.Queue(5), greenrt.ThreadPool(3)
def work():
    for _ in range(500):
        back.put(made.get())
workers = [pool.spawn(work) for _ in range(3)]
def feed():
    for item in range(1500):
        made.put(item)
feeder = greenrt.spawn(feed)
assert sorted(back.get() for _ in range(1500)) == list(range(1500))
greenrt.joinall([feeder])
for worker in workers:
    worker.get()
pool.kill()
""")


def test_a_queue_made_before() -> None:
    run("""
putter = greenrt.spawn(lambda: [early.put(item) for item in range(3)])
assert [early.get() for _ in range(3)] == [0, 1, 2]
putter.get()
""")


def test_shutdown() -> None:
    run("""
if hasattr(queue, "ShutDown"):
    made = queue.Queue()
    made.put(1)
    getter = queue.Queue()
    waiting = greenrt.spawn(raises, queue.ShutDown, getter.get)
    time.sleep(0.01)
    made.shutdown(), getter.shutdown()
    assert raises(queue.ShutDown, made.put, 2)
    assert made.get() == 1
    assert raises(queue.ShutDown, made.get) and waiting.get(timeout=10)
""")


def test_a_loop_that_fills_a_queue_lets_others_run() -> None:
    run("""
made, stopped = queue.Queue(), []
def fill():
    while not stopped:
        made.put(None)
filler = greenrt.spawn(fill)
stopper = greenrt.spawn_later(0.01, stopped.append, True)
greenrt.joinall([filler, stopper])
""")


def test_the_twin() -> None:
    run_script("""
import greenrt
from greenrt.green import queue
made = queue.Queue(1)
putter = greenrt.spawn(lambda: [made.put(item) for item in range(100)])
assert [made.get() for _ in range(100)] == list(range(100))
putter.get()
import queue as standard
assert standard.Queue.put.__module__ == "queue"
""")


def test_the_size_of_a_simple_queue_counts_the_storage_of_its_items() -> None:
    run("""
made = queue.SimpleQueue()
assert sys.getsizeof(made) < 2000
for number in range(1000):
    made.put(number)
assert sys.getsizeof(made) >= 8 * 1000
while not made.empty():
    made.get()
assert sys.getsizeof(made) < 2000
""")
