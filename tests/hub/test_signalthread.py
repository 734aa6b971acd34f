"""SignalThread: signals that a native thread waits for and posts; each test in a process of its own."""

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


def test_signals_are_posted_with_their_sender_and_in_order():
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


def test_the_function_runs_on_the_loops_thread_and_interrupts_nobody():
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


def test_a_greenlet_may_wait_for_nothing_else():
    run("""
done = greenrt.Event()
with SignalThread([signal.SIGTERM], lambda info: greenrt.spawn(done.set)):
    killer = subprocess.Popen(["/bin/sh", "-c", f"sleep 0.2; kill {me}"])
    done.wait()
    killer.wait()
""")


def test_close_gives_the_signals_back_also_those_that_wait():
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


def test_threads_started_before_pass_the_signal_on_and_those_after_inherit_the_mask():
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


def test_at_the_first_signal_after_the_loops_end_it_is_for_whom_it_was_before():
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


def test_a_close_that_races_signals_and_the_loops_end_loses_none():
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


def test_in_a_forks_child_it_goes_on_if_its_loop_does():
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


def test_a_child_program_can_be_told_to_unblock():
    run("""
with SignalThread([signal.SIGTERM], print) as watcher:
    child = subprocess.Popen(["/bin/sleep", "30"], preexec_fn=watcher.unblock)
    child.terminate()
    assert child.wait() == -signal.SIGTERM
""")


def test_wrong_use_is_told():
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
def test_it_works_in_a_patched_program(patched: bool):
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
