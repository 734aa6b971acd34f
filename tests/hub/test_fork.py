"""Forks of processes in which hubs run. Each test runs in its own process."""

import pytest
from support.child import run_script

PRELUDE = """
import faulthandler, os, sys, threading, time, signal, warnings
# Its thread does not exist in a child, which would wait for it in its normal exit.
faulthandler.cancel_dump_traceback_later()
warnings.simplefilter("ignore", DeprecationWarning)
import greenrt
from greenrt._hub import current_hub
from greenrt._hub.hub import Hub
from support.forking import check, fork

def inodes():
    '''What the kernel calls the loop's own pipe; epoll and eventfd have no inode of their own.'''
    found = set()
    for fd in greenrt.get_hub().loop._own_fds():
        text = os.readlink(f"/proc/self/fd/{fd}")
        if text.startswith("pipe"):
            found.add(text)
    return found
"""


def run(text: str, *arguments: str) -> tuple[str, str]:
    return run_script(PRELUDE + text, *arguments)


def test_the_greenlets_of_the_forking_thread_go_on_in_both() -> None:
    _, errors = run("""
seen = []
def worker(number):
    greenrt.sleep(0.02 * number)
    seen.append(number)
jobs = [greenrt.spawn(worker, number) for number in range(5)]
event = greenrt.Event()
waiter = greenrt.spawn(event.wait)
greenrt.sleep(0)

def child():
    event.set()
    greenrt.joinall([*jobs, waiter])
    assert sorted(seen) == [0, 1, 2, 3, 4], seen
    assert greenrt.spawn(lambda: 42).get() == 42

parents = inodes()
def shares_nothing():
    assert parents and inodes() and not parents & inodes(), (parents, inodes())

check(fork(child))
check(fork(shares_nothing))
assert not waiter.dead
greenrt.joinall(jobs)
assert sorted(seen) == [0, 1, 2, 3, 4], seen
event.set()
waiter.join()
""")
    assert errors == ""


@pytest.mark.parametrize("where", ["main greenlet", "greenlet", "hub", "handler", "handler in the hub"])
def test_wherever_it_is_called_both_go_on(where: str) -> None:
    _, errors = run(
        """
import socket
where = sys.argv[1]
# One pair is the parent's after the fork, one the child's.
pairs = [socket.socketpair(), socket.socketpair()]
gone, go = os.pipe()
pids, got = [], []
def read(one):
    greenrt.wait_read(one.fileno())
    got.append(one.recv(1))
readers = [greenrt.spawn(read, one) for one, _ in pairs]
greenrt.sleep(0)

def child():
    pid = os.fork()
    readers[1 if pid else 0].kill(block=False)
    if pid:
        pids.append(pid)

if where == "main greenlet":
    child()
elif where == "greenlet":
    greenrt.spawn(child).join()
elif where == "hub":
    greenrt.get_hub().loop.run_callback(child)
    greenrt.sleep(0.01)
else:
    handled = []
    signal.signal(signal.SIGALRM, lambda number, frame: (child(), handled.append(True)))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    while not handled:
        if where == "handler in the hub":
            greenrt.sleep(0.2)
assert not got
mine = 0 if pids else 1
# Both hear of what comes for either, while neither has stopped listening.
readers[1 - mine].join()
if pids:
    os.write(go, b"x")
    # The child first: what it does to its epoll must not blind the parent.
    code = os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1])
    assert code == 0, code
else:
    os.read(gone, 1)
pairs[mine][1].send(b"x")
readers[mine].join()
assert len(got) == 1
assert greenrt.spawn(lambda: 1).get() == 1
for pair in pairs:
    for one in pair:
        one.close()
""",
        where,
    )
    assert errors == ""


def test_from_a_thread() -> None:
    _, errors = run("""
def waits():
    greenrt.spawn(greenrt.sleep, 1000)
    ready.set()
    forked.wait()

def forks():
    greenrt.get_hub()
    hubs_of_others = [hub for hub in current_hub.threads_with_hub.values() if hub is not greenrt.get_hub()]
    assert len(hubs_of_others) == 2
    def child():
        mine = greenrt.get_hub()
        assert mine.main_hub and len(mine.loop._own_fds()) == 2
        assert list(current_hub.threads_with_hub.values()) == [mine]
        for hub in hubs_of_others:
            assert hub.loop.closed
            try:
                hub.loop.run_callback_threadsafe(print)
            except Exception as error:
                assert type(error).__name__ == "LoopClosed", error
            else:
                raise AssertionError("posted to nobody")
        # Signals arrive: this is the main thread now.
        rung = greenrt.Event()
        signal.signal(signal.SIGALRM, lambda number, frame: rung.set())
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert rung.wait(20)
        assert greenrt.spawn(lambda: 42).get() == 42
        event = greenrt.Event()
        threading.Thread(target=lambda: (time.sleep(0.05), event.set())).start()
        assert event.wait(5)
    check(fork(child))

ready, forked = threading.Event(), greenrt.Event()
waiter = threading.Thread(target=waits)
waiter.start()
ready.wait()
greenrt.get_hub()
forker = threading.Thread(target=forks)
forker.start()
while forker.is_alive():
    greenrt.sleep(0.01)
assert greenrt.spawn(lambda: 42).get() == 42
forked.set()
waiter.join()
""")
    assert errors == ""


def test_fds_do_not_grow_through_generations() -> None:
    run("""
def hubs_in_threads():
    greenrt.get_hub()
    ready.release()
    greenrt.sleep(1000)
ready = threading.Semaphore(0)
for _ in range(3):
    threading.Thread(target=hubs_in_threads, daemon=True).start()
    ready.acquire()
greenrt.sleep(0)
def count():
    return len(os.listdir("/proc/self/fd"))
before = count()
def generation(left):
    greenrt.sleep(0.001)
    # 3 fds of each other thread's loop at least are given back.
    assert count() <= before - 3 * 2, (count(), before)
    if left:
        check(fork(lambda: generation(left - 1)))
check(fork(lambda: generation(4)))
assert count() == before
os._exit(0)
""")


def test_what_other_threads_wait_in_gets_nothing() -> None:
    _, errors = run("""
lock, semaphore, queue, event = greenrt.Lock(), greenrt.Semaphore(0), greenrt.Queue(), greenrt.Event()
lock.acquire()
native = []
def waits(with_hub):
    if with_hub:
        for wait in lock.acquire, semaphore.acquire, queue.get, event.wait:
            greenrt.spawn(wait)
        greenrt.sleep(0)
        native.append(1)
        greenrt.sleep(1000)
    native.append(1)
    lock.acquire()
for with_hub in True, False:
    threading.Thread(target=waits, args=(with_hub,), daemon=True).start()
while len(native) < 2:
    greenrt.sleep(0.01)
greenrt.sleep(0.1)
def child():
    lock.release()
    assert lock.acquire(timeout=5)
    semaphore.release()
    assert semaphore.acquire(timeout=5)
    queue.put("mine")
    assert queue.get(timeout=5) == "mine"
    event.set()
    assert event.wait(5)
check(fork(child))
os._exit(0)
""")
    assert errors == ""


def test_a_lock_of_another_thread_is_reported_not_waited_for() -> None:
    _, errors = run("""
lock = greenrt.Lock()
taken, go_on = threading.Event(), threading.Event()
def holds():
    lock.acquire()
    taken.set()
    go_on.wait()
    lock.release()
thread = threading.Thread(target=holds)
thread.start()
taken.wait()
def child():
    try:
        lock.acquire()
    except BaseException as error:
        assert type(error).__name__ == "LoopExit", error
        assert "Lock" in str(error)
    else:
        raise AssertionError("took a lock that is taken")
check(fork(child))
go_on.set()
assert lock.acquire(timeout=5)
thread.join()
""")
    assert errors == ""


def test_a_critical_section_of_another_thread_does_not_stop_the_child() -> None:
    _, errors = run("""
event = greenrt.Semaphore(1)
inside, go_on = threading.Event(), threading.Event()
def enters():
    assert event._enter()
    inside.set()
    go_on.wait()
    event._finish()
thread = threading.Thread(target=enters)
thread.start()
inside.wait()
def child():
    # If the child waited for the holder, which does not exist here, it would get nothing.
    assert event.acquire(timeout=20)
    event.release()
    def grandchild():
        assert event.acquire(timeout=5)
    check(fork(grandchild))
check(fork(child))
go_on.set()
thread.join()
assert event.acquire(timeout=5)
""")
    assert errors == ""


def test_a_critical_section_of_the_forking_thread_stays_its_own() -> None:
    run("""
class Careless(greenrt.Semaphore):
    pass
gate = Careless(1)
assert gate._enter()
def child():
    assert gate._held_here()
    gate.release()   # left to the holder
    gate._finish()
    assert gate.acquire(False) and gate.acquire(False) and not gate.acquire(False)
check(fork(child))
gate._finish()
""")


def test_watchers_of_forks_run_before_anything_else() -> None:
    out, errors = run("""
import io
hub = greenrt.get_hub()
hub.exception_stream = io.StringIO()
seen = []
def bad():
    seen.append("bad")
    raise ValueError("mine")
def nested():
    seen.append("nested")
    if len(seen) < 5:
        check(fork(lambda: None))
watchers = [hub.loop.fork() for _ in range(4)]
for watcher, callback in zip(watchers, (bad, nested, seen.append, print)):
    watcher.start(callback, *(["argument"] if callback == seen.append else []))
watchers[3].stop()
def child():
    assert seen == ["bad", "nested", "argument"], seen
    assert "ValueError: mine" in hub.exception_stream.getvalue()
check(fork(child))
assert not seen
# They do not keep the loop alive.
assert hub.join()
# Of another thread's loop they are not called.
def forks_too():
    check(fork(lambda: seen and 1 / 0))
thread = threading.Thread(target=forks_too)
thread.start()
thread.join()
""")
    assert out == errors == ""


def test_watchers_of_forks_may_use_what_the_child_has() -> None:
    out, errors = run("""
hub = greenrt.get_hub()
pool, seen, watcher = hub.threadpool, [], hub.loop.fork()
pool.apply(int)
timer, signals = hub.loop.timer(1000), hub.loop.signal(signal.SIGUSR1)
event, queue = greenrt.Event(), greenrt.Queue()

def renewed():
    assert hub.main_hub
    seen.append(pool.spawn(lambda: "job"))
    seen.append(greenrt.spawn(lambda: "greenlet"))
    timer.finalize(lambda timer: seen.append("finalized"))
    signals.start(lambda: seen.append("signal"))
    event.set()
    queue.put("put")
    hub.loop.proxy().post(seen.append, "posted")

def child():
    os.kill(os.getpid(), signal.SIGUSR1)
    give_up = time.monotonic() + 20
    while len(seen) < 5 and time.monotonic() < give_up:
        greenrt.sleep(0.001)
    assert [job.get(timeout=20) for job in seen[:2]] == ["job", "greenlet"]
    assert set(seen[2:]) == {"finalized", "posted", "signal"}, seen
    assert event.is_set() and queue.get() == "put"

watcher.start(renewed)
check(fork(child))
assert not seen
""")
    assert out == errors == ""


def test_an_interrupt_in_a_watcher_of_forks_comes_in_the_childs_main_greenlet() -> None:
    out, errors = run("""
hub = greenrt.get_hub()
seen = []
timer = hub.loop.timer(1000)
watchers = [hub.loop.fork(priority=priority) for priority in (0, 0, 2)]

def raises(error):
    seen.append(error)
    raise error

watchers[0].start(raises, KeyboardInterrupt())
watchers[1].start(seen.append, "last")
watchers[2].start(seen.append, "first")

def child():
    assert [type(each) for each in seen] == [str, KeyboardInterrupt, str]
    try:
        greenrt.sleep(20)
    except KeyboardInterrupt as error:
        assert error is seen[1]
    else:
        raise AssertionError
    greenrt.sleep(0.001)
    # A finalizer that was due is still the parent's.
    assert len(seen) == 3

timer.finalize(seen.append)
check(fork(child))
assert not seen
greenrt.sleep(0.001)
assert seen == [timer]
""")
    assert out == errors == ""


def test_children_are_watched_by_their_parent_only() -> None:
    run("""
hub = greenrt.get_hub()
pid = os.posix_spawn("/bin/sh", ["sh", "-c", "sleep 0.2; exit 3"], os.environ)
watcher = hub.loop.child(pid)
seen = []
watcher.start(lambda: seen.append(watcher.rstatus))
fds = set(os.listdir("/proc/self/fd"))
def child():
    assert not watcher.active and not hub.loop.activecnt
    own = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 4"], os.environ)
    mine = hub.loop.child(own)
    hub.wait(mine)
    assert mine.rstatus == 4 << 8
check(fork(child))
hub.join()
assert seen == [3 << 8], seen
""")


def test_other_ways_to_a_child_run_nothing_of_this() -> None:
    run("""
import subprocess
hub = greenrt.get_hub()
fork_watcher = hub.loop.fork()
fork_watcher.start(print, "forked")
before = hub.loop.fileno(), sorted(hub.loop._own_fds())
subprocess.run(["true"], check=True)
os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ), 0)
assert before == (hub.loop.fileno(), sorted(hub.loop._own_fds()))
""")
    # An executed program inherits none of the file descriptors.
    run("""
import subprocess
greenrt.sleep(0)
command = ["ls", "-l", "/proc/self/fd"]
listing = subprocess.run(command, capture_output=True, text=True, check=True, close_fds=False).stdout
assert "eventpoll" not in listing and "eventfd" not in listing, listing
""")


def test_a_child_that_exits_in_the_usual_way() -> None:
    out, errors = run("""
jobs = [greenrt.spawn(greenrt.sleep, 0.05) for _ in range(3)]
pid = os.fork()
if pid == 0:
    greenrt.joinall(jobs)
    print("child", flush=True)
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
greenrt.joinall(jobs)
print("parent")
""")
    assert (out, errors) == ("child\nparent\n", "")
