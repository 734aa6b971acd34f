"""SignalThread: a native thread waits for signals and posts them. Each test runs in its own process."""

import pytest
from support.child import run_script

PRELUDE = """
import gc, os, queue, signal, subprocess, sys, threading, time
import greenrt
from greenrt import SignalThread
from greenrt._loop.loop import Loop
from greenrt.errors import LoopClosed

me = os.getpid()
got = []

def blocked():
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())

def wait_for(what):
    end = time.monotonic() + 20
    while not what() and time.monotonic() < end:
        greenrt.sleep(0.002)
    assert what(), got

def loop_in_thread():
    # Run a loop in a thread; return the thread, the loop's proxy and what ends it at the next turn.
    stop, proxies = threading.Event(), queue.SimpleQueue()
    def serve():
        loop = Loop()
        proxies.put(loop.proxy())
        while not stop.is_set():
            loop.run(once=True)
        loop.close()
    thread = threading.Thread(target=serve)
    thread.start()
    return thread, proxies.get(), stop
"""


def run(text: str, *, code: int = 0) -> tuple[str, str]:
    output, errors = run_script(PRELUDE + text, code=code)
    assert errors == ""
    return output, errors


def test_signals_are_posted_with_their_sender_and_in_order() -> None:
    run("""
first, second = signal.SIGRTMIN + 1, signal.SIGRTMIN + 2
with SignalThread([signal.SIGUSR1, first, second], got.append):
    for _ in range(200):
        os.kill(me, first)
    wait_for(lambda: len(got) == 200)
    assert {(info.si_signo, info.si_pid, info.si_uid) for info in got} == {(first, me, os.getuid())}
    del got[:]
    child = subprocess.Popen(["/bin/kill", "-USR1", str(me)])
    wait_for(lambda: got)
    assert (got[0].si_signo, got[0].si_pid) == (signal.SIGUSR1, child.pid)
    child.wait()
""")


def test_greenlets_that_never_wait_do_not_starve_the_thread() -> None:
    """Such a loop polls without sleeping. Released in each poll, the GIL stays out of the thread's reach."""
    run("""
many = signal.SIGRTMIN + 1
with SignalThread([many], got.append):
    for _ in range(500):
        os.kill(me, many)
    end = time.monotonic() + 20
    while len(got) < 500 and time.monotonic() < end:
        greenrt.sleep(0)
    assert len(got) == 500, len(got)
""")


def test_the_function_runs_on_the_loops_thread_and_interrupts_nobody() -> None:
    run("""
threads = []
def note(info):
    threads.append(threading.get_ident())
with SignalThread([signal.SIGUSR1], note):
    os.kill(me, signal.SIGUSR1)
    # Not one call while a greenlet runs, however long.
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        assert threads == []
    wait_for(lambda: threads)
    assert threads == [threading.get_ident()]
thread, proxy, stop = loop_in_thread()
with SignalThread([signal.SIGUSR1], note, proxy):
    os.kill(me, signal.SIGUSR1)
    wait_for(lambda: len(threads) == 2)
    assert threads[1] == thread.ident
    stop.set()
    proxy.post(int)
    thread.join()
""")


def test_a_greenlet_may_wait_for_nothing_else() -> None:
    run("""
done = greenrt.Event()
with SignalThread([signal.SIGTERM], lambda info: greenrt.spawn(done.set)):
    killer = subprocess.Popen(["/bin/sh", "-c", f"sleep 0.2; kill {me}"])
    done.wait()
    killer.wait()
""")


def test_close_gives_the_signals_back_also_those_that_wait() -> None:
    run("""
mine = lambda number, frame: got.append("mine")
signal.signal(signal.SIGUSR1, mine)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
before = blocked()
for round in range(50):
    watcher = SignalThread([signal.SIGUSR1, signal.SIGUSR2], lambda info: got.append("thread"))
    assert blocked() == before | {signal.SIGUSR1}
    assert "SIGUSR1, SIGUSR2" in repr(watcher)
    del got[:]
    os.kill(me, signal.SIGUSR1)
    # Whichever is first, it is told once: the thread has it, or the handler of before gets it.
    watcher.close()
    watcher.close()
    assert "closed" in repr(watcher)
    assert (blocked(), signal.getsignal(signal.SIGUSR1)) == (before, mine)
    wait_for(lambda: got)
    assert len(got) == 1
    del got[:]
    os.kill(me, signal.SIGUSR1)
    assert got == ["mine"]
theirs = lambda number, frame: got.append("theirs")
with SignalThread([signal.SIGUSR1], print):
    signal.signal(signal.SIGUSR1, theirs)
assert signal.getsignal(signal.SIGUSR1) is theirs
wait_for(lambda: threading.active_count() == 1 and len(sys._current_frames()) == 1)
""")


def test_threads_started_before_pass_the_signal_on_and_those_after_inherit_the_mask() -> None:
    run("""
masks, stop = {}, threading.Event()
def idle(name):
    masks[name] = blocked()
    while not stop.wait(0.01):
        pass
before = threading.Thread(target=idle, args=["before"])
before.start()
pool = greenrt.ThreadPool(1)
pool.apply(len, ("",))
with SignalThread([signal.SIGTERM], got.append):
    after = threading.Thread(target=idle, args=["after"])
    after.start()
    wait_for(lambda: len(masks) == 2)
    assert masks["after"] - masks["before"] == {signal.SIGTERM}
    # One by one, as they are merged; by default they would end the process.
    for number in range(1, 51):
        signal.pthread_kill(before.ident, signal.SIGTERM)
        wait_for(lambda: len(got) == number)
    assert {(info.si_signo, info.si_pid) for info in got} == {(signal.SIGTERM, 0)}
    del got[:]
    pool.apply(lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
    wait_for(lambda: got)
    # The main thread blocks it: the process's signals go to the thread that waits, or to one that passes them on.
    for number in range(2, 52):
        os.kill(me, signal.SIGTERM)
        wait_for(lambda: len(got) == number)
stop.set()
pool.kill()
before.join()
after.join()
""")


def test_at_the_first_signal_after_the_loops_end_it_is_for_whom_it_was_before() -> None:
    run("""
def mine(number, frame):
    got.append(number)
signal.signal(signal.SIGUSR1, mine)
loop = Loop()
watcher = SignalThread([signal.SIGUSR1, signal.SIGUSR2], print, loop.proxy())
loop.close()
os.kill(me, signal.SIGUSR1)
wait_for(lambda: got)
assert watcher.closed
assert got == [signal.SIGUSR1]
assert signal.SIGUSR1 not in blocked()
assert signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL
""")
    run(
        """
loop = Loop()
watcher = SignalThread([signal.SIGTERM], print, loop.proxy())
loop.close()
os.kill(me, signal.SIGTERM)
while True:
    greenrt.sleep(1)
""",
        code=-15,
    )


def test_a_close_that_races_signals_and_the_loops_end_loses_none() -> None:
    output, _ = run("""
# Blocked also before, so that those given back can be counted: CPython merges the calls of a handler.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
ways = {"thread": 0, "mine": 0}
def all_told(count):
    while signal.sigtimedwait([signal.SIGRTMIN], 0):
        got.append("mine")
    return len(got) == count
for round in range(300):
    loop = Loop() if round % 3 == 0 else greenrt.get_hub().loop
    watcher = SignalThread([signal.SIGRTMIN], lambda info: got.append("thread"), loop.proxy())
    for _ in range(round % 7):
        os.kill(me, signal.SIGRTMIN)
    if round % 3 == 0:
        if round % 2:
            time.sleep(0.001)
        # What was posted is called, what comes later goes back.
        loop.close()
    watcher.close()
    wait_for(lambda: all_told(round % 7))
    for way in got:
        ways[way] += 1
    del got[:]
print(ways)
""")
    print(f"300 closes that race up to 6 signals each, none lost or told twice: {output.strip()}")


def test_its_handler_may_interrupt_its_close() -> None:
    """The signals of a closed loop come back to the main thread, whose handler closes the object too."""
    run("""
sys.setswitchinterval(1e-6)
signal.signal(signal.SIGRTMIN, lambda number, frame: got.append(number))
for round in range(500):
    loop = Loop()
    watcher = SignalThread([signal.SIGRTMIN], got.append, loop.proxy())
    loop.close()
    os.kill(me, signal.SIGRTMIN)
    end = time.perf_counter() + round % 100 * 5e-6
    while time.perf_counter() < end:
        pass
    watcher.close()
    wait_for(lambda: len(got) == round + 1)
assert set(got) == {signal.SIGRTMIN}
""")


def test_its_handler_may_interrupt_its_close_at_the_lock() -> None:
    """The native thread waits for that lock: a close by the handler would wait for it forever."""
    run("""
class Interrupted:
    # A lock: the signal arrives when the main thread has it.
    def __init__(self, lock):
        self.lock, self.main, self._is_owned = lock, threading.get_ident(), lock._is_owned
    def __enter__(self):
        self.lock.acquire()
        if threading.get_ident() == self.main: signal.raise_signal(signal.SIGRTMIN)
    def __exit__(self, *exc_info):
        self.lock.release()

signal.signal(signal.SIGRTMIN, lambda number, frame: got.append(number))
loop = Loop()
watcher = SignalThread([signal.SIGRTMIN], got.append, loop.proxy())
watcher._lock = Interrupted(watcher._lock)
loop.close()
with watcher.unblocked():
    watcher.close()
assert got == [signal.SIGRTMIN]
""")


def test_a_raising_handler_loses_no_signal_that_interrupted_the_close() -> None:
    run("""
class Interrupted:
    # A lock: signals arrive when the main thread waits for it.
    def __init__(self, lock):
        self.lock, self.main, self.release = lock, threading.get_ident(), lock.release
    def acquire(self):
        for number in numbers: signal.raise_signal(number)
        return self.lock.acquire()

def handler(number, frame):
    got.append(number)
    raise ValueError(number)

numbers = [signal.SIGRTMIN, signal.SIGRTMIN + 1]
for number in numbers: signal.signal(number, handler)
loop = Loop()
watcher = SignalThread(numbers, got.append, loop.proxy())
watcher._life = Interrupted(watcher._life)
loop.close()
for attempt in (watcher.close, greenrt.sleep):
    try:
        with watcher.unblocked(): attempt()
    except ValueError: pass
assert sorted(got) == numbers, got
""")


def test_in_a_forks_child_it_goes_on_if_its_loop_does() -> None:
    run("""
def in_child(check):
    pid = os.fork()
    if not pid:
        try:
            check()
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

def goes_on():
    assert not watcher.closed
    os.kill(os.getpid(), signal.SIGTERM)
    wait_for(lambda: got)
    assert got[0].si_pid == os.getpid()
    watcher.close()
    assert signal.SIGTERM not in blocked()

def has_closed():
    assert other.closed
    assert signal.SIGUSR1 not in blocked()
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
    other.close()

thread, proxy, stop = loop_in_thread()
watcher = SignalThread([signal.SIGTERM], got.append)
other = SignalThread([signal.SIGUSR1], got.append, proxy)
for _ in range(3):
    in_child(goes_on)
    in_child(has_closed)
    assert got == [] and not watcher.closed and not other.closed
# The parent's goes on as well.
os.kill(me, signal.SIGTERM)
os.kill(me, signal.SIGUSR1)
wait_for(lambda: len(got) == 2)
# From another thread, whose child has no loop of the main thread's.
def fork():
    in_child(lambda: None)
    results.append(True)
results = []
forker = threading.Thread(target=fork)
forker.start()
forker.join()
assert results == [True]
watcher.close()
other.close()
stop.set()
proxy.post(int)
thread.join()
""")


# Ways to start a program. Each function returns whether SIGTERM ends the program.
STARTS = """
PROGRAM = ["/bin/sleep", "20"]

def signals(pid, which):
    with open(f"/proc/{pid}/status") as file:
        return int(dict(line.split(":", 1) for line in file)[which], 16)

def ends(pid):
    # The kernel lets the parent of a vfork go on a moment before exec has put the handlers away.
    wait_for(lambda: not signals(pid, "SigCgt"))
    blocks = signals(pid, "SigBlk") >> (signal.SIGTERM - 1) & 1
    os.kill(pid, signal.SIGTERM)
    if blocks:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == (-signal.SIGKILL if blocks else -signal.SIGTERM)
    return not blocks

def by_subprocess():
    child = subprocess.Popen(PROGRAM)
    try:
        return ends(child.pid)
    finally:
        child.returncode = 0

def by_spawn():
    return ends(os.posix_spawn(PROGRAM[0], PROGRAM, {}))

def by_fork():
    # Closed by exec, which tells the parent.
    reads, writes = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.execv(PROGRAM[0], PROGRAM)
        finally:
            os._exit(1)
    os.close(writes)
    assert os.read(reads, 1) == b""
    os.close(reads)
    return ends(pid)

STARTS = [by_subprocess, by_spawn, by_fork]

def in_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]
"""


@pytest.mark.parametrize("patched", [False, True])
def test_a_program_inherits_what_the_starting_thread_blocks(patched: bool) -> None:
    run(f"""
if {patched}:
    import greenrt.monkey
    greenrt.monkey.patch_all()
{STARTS}
go, results = threading.Event(), []
def before():
    go.wait()
    for start in STARTS:
        results.append(start())
early = threading.Thread(target=before, daemon=True)
early.start()
with SignalThread([signal.SIGTERM], got.append) as watcher:
    for start in STARTS:
        assert not start(), start
        # In the child of a native thread's fork the loop is gone, and with it what is blocked.
        assert in_thread(start) == (start is by_fork and {not patched}), start
        with watcher.unblocked():
            assert start(), start
        assert not start(), start
    go.set()
    early.join()
    # A native thread that was started before does not block it; green ones are this thread.
    assert results == [{not patched}] * 3, results
    os.kill(me, signal.SIGTERM)
    wait_for(lambda: got)
for start in STARTS:
    assert start(), start
assert len(got) == 1
""")


def test_unblocked_nests_and_belongs_to_the_thread() -> None:
    run("""
TERM = {signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
with SignalThread([signal.SIGTERM, signal.SIGUSR2], got.append) as watcher:
    def other_thread():
        assert TERM <= blocked()
        with watcher.unblocked():
            assert not TERM & blocked()
        assert TERM <= blocked()
        results.append(True)
    results = []
    first, second = watcher.unblocked(), watcher.unblocked()
    first.__enter__()
    second.__enter__()
    # What the program blocks itself stays so.
    assert blocked() == {signal.SIGUSR2}
    thread = threading.Thread(target=lambda: (signal.pthread_sigmask(signal.SIG_BLOCK, TERM), other_thread()))
    thread.start()
    thread.join()
    assert results == [True]
    first.__exit__(None, None, None)
    assert not TERM & blocked()
    # Here it arrives in this thread, which has our handler.
    os.kill(me, signal.SIGTERM)
    wait_for(lambda: got)
    second.__exit__(None, None, None)
    assert TERM <= blocked()
    # One that outlives the watcher blocks nothing again.
    with watcher.unblocked():
        watcher.close()
    assert blocked() == {signal.SIGUSR2}
""")


def test_a_forks_child_unblocks_before_it_calls_exec() -> None:
    run("""
with SignalThread([signal.SIGTERM], print) as watcher:
    child = subprocess.Popen(["/bin/sleep", "20"], preexec_fn=watcher.unblock)
    child.terminate()
    assert child.wait() == -signal.SIGTERM
""")


def test_a_fork_from_another_thread_blocks_nothing_in_the_child() -> None:
    run("""
def fork():
    assert signal.SIGTERM in blocked()
    pid = os.fork()
    if not pid:
        os._exit(signal.SIGTERM in blocked() or not watcher.closed)
    results.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
results = []
with SignalThread([signal.SIGTERM], print) as watcher:
    for _ in range(3):
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
assert results == [0, 0, 0]
""")


def test_wrong_use_is_told() -> None:
    run("""
def refused(error, text, *arguments):
    before = blocked(), signal.getsignal(signal.SIGUSR1)
    try:
        SignalThread(*arguments)
    except error as found:
        assert text in str(found), found
    else:
        raise AssertionError(arguments)
    assert before == (blocked(), signal.getsignal(signal.SIGUSR1))

refused(ValueError, "can be waited for", [signal.SIGUSR1, signal.SIGKILL], print)
refused(ValueError, "[12345]", [12345], print)
refused(ValueError, "can be waited for", [], print)
refused(TypeError, "callable", [signal.SIGUSR1], None)
with SignalThread([signal.SIGUSR1], print) as watcher:
    refused(ValueError, "SIGUSR1 is <SignalThread", [signal.SIGUSR1, signal.SIGUSR2], print)
    errors = []
    def elsewhere():
        for call in (watcher.close, lambda: SignalThread([signal.SIGUSR2], print)):
            try:
                call()
            except ValueError as error:
                errors.append(str(error))
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(errors) == 2 and all("main thread" in text for text in errors), errors
from greenrt import _original
def no_thread(*_):
    raise RuntimeError("can't start new thread")
_original.start_new_thread = no_thread
from greenrt._native import helper
refused(RuntimeError, "thread", [signal.SIGUSR1], print)
""")


@pytest.mark.parametrize("patched", [False, True])
def test_it_works_in_a_patched_program(patched: bool) -> None:
    run(f"""
if {patched}:
    import greenrt.monkey
    greenrt.monkey.patch_all()
with SignalThread([signal.SIGTERM], got.append):
    for number in range(1, 11):
        os.kill(me, signal.SIGTERM)
        wait_for(lambda: len(got) == number)
    threading.Thread(target=os.kill, args=(me, signal.SIGTERM)).start()
    wait_for(lambda: len(got) == 11)
""")
