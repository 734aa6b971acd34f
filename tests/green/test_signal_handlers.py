"""Handlers of `signal.signal` that wait: those of patched programs and of the twin, each in its own process."""

import pytest
from support.child import run_script

PRELUDE = """
import os, sys, threading, time
import greenrt
if sys.argv[1] == "patched":
    import signal as early
    from signal import SIGUSR1 as USR1
    def set_early(number, frame):
        pass
    early.signal(early.SIGUSR2, set_early)
    from greenrt import monkey
    monkey.patch_all()
    import signal
else:
    from greenrt.green import signal
    USR1 = signal.SIGUSR1
hub = greenrt.get_hub()

def send(number=USR1):
    os.kill(os.getpid(), number)

def send_to_the_hub(number=USR1):
    # A callback of the loop runs in the hub.
    hub.loop.run_callback(send, number)

def wait_for(what):
    end = time.monotonic() + 10
    while not what() and time.monotonic() < end:
        greenrt.sleep(0.005)
    assert what()
"""

ways = pytest.mark.parametrize("way", ["patched", "twin"])


def run(way: str, text: str, code: int = 0) -> tuple[str, str]:
    return run_script(PRELUDE + text, way, code=code)


@ways
def test_a_handler_that_finds_the_hub_may_wait(way: str) -> None:
    _, errors = run(
        way,
        """
lock, seen = greenrt.Lock(), []
def handler(number, frame):
    greenrt.sleep(0.01)
    with lock:
        seen.append((number, greenrt.getcurrent() is hub))
signal.signal(USR1, handler)
lock.acquire()
for send_one in send_to_the_hub, lambda: greenrt._original.start_new_thread(send, ()):
    send_one()
    greenrt.sleep(0.05)
    assert not seen
    lock.release()
    wait_for(lambda: seen == [(USR1, False)])
    lock.acquire()
    seen.clear()
""",
    )
    assert errors == ""


@ways
def test_a_handler_that_finds_a_greenlet_runs_at_once_on_top_of_it(way: str) -> None:
    _, errors = run(
        way,
        """
seen = []
def handler(number, frame):
    seen.append((greenrt.getcurrent(), frame.f_code.co_name))
    greenrt.sleep(0.01)
def running():
    signal.raise_signal(USR1)
    assert seen == [(greenrt.getcurrent(), "running")]
    signal.pthread_kill(threading.main_thread().ident, USR1)
    assert seen == 2 * [(greenrt.getcurrent(), "running")]
signal.signal(USR1, handler)
greenrt.spawn(running).get()
""",
    )
    assert errors == ""


@ways
def test_a_handler_has_the_identity_of_the_main_thread_wherever_it_runs(way: str) -> None:
    _, errors = run(
        way,
        """
from greenrt.green import thread
seen = []
def handler(number, frame):
    before = thread.get_ident()
    if number == USR1:
        # A second handler on top of the first: its end is not the end of both.
        signal.raise_signal(signal.SIGUSR2)
        greenrt.sleep(0.01)
    seen.append((before, thread.get_ident()))
signal.signal(USR1, handler)
signal.signal(signal.SIGUSR2, handler)
main = thread.get_ident()
mine = []
def running():
    mine.append(thread.get_ident())
    signal.raise_signal(USR1)
    mine.append(thread.get_ident())
thread.start_new_thread(running, ())
wait_for(lambda: len(mine) == 2)
greenrt.spawn(running).get()
assert mine[0] == mine[1] != main != mine[2] == mine[3], mine
send_to_the_hub()
wait_for(lambda: len(seen) == 6)
assert set(seen) == {(main, main)}, (main, seen)
if sys.argv[1] == "patched":
    signal.signal(USR1, lambda number, frame: seen.append(threading.current_thread()))
    one = threading.Thread(target=signal.raise_signal, args=(USR1,))
    one.start()
    one.join()
    assert seen[-1] is threading.main_thread()
""",
    )
    assert errors == ""


@ways
def test_what_a_handler_raises_is_raised_in_main(way: str) -> None:
    _, errors = run(
        way,
        """
class Stopped(Exception):
    pass
def handler(number, frame):
    greenrt.sleep(0.01)
    raise Stopped(number)
signal.signal(USR1, handler)
other = greenrt.spawn(greenrt.sleep, 30)
for wait in lambda: greenrt.sleep(30), greenrt.Event().wait, other.join:
    hub.loop.timer(0.02).start(send)
    try:
        wait()
    except Stopped as error:
        assert error.args == (USR1,)
        names = []
        traceback = error.__traceback__
        while traceback is not None:
            names.append(traceback.tb_frame.f_code.co_name)
            traceback = traceback.tb_next
        assert "handler" in names
    else:
        raise AssertionError("nothing raised")
assert not other.dead
# A killed handler ends, and no other greenlet gets an error.
signal.signal(USR1, lambda number, frame: greenrt.getcurrent().kill(block=False) or greenrt.sleep(30))
send_to_the_hub()
greenrt.sleep(0.05)
""",
    )
    assert errors == ""


@ways
def test_exit_from_a_handler(way: str) -> None:
    _, errors = run(
        way,
        """
signal.signal(USR1, lambda *_: greenrt.sleep(0.01) or sys.exit(7))
send_to_the_hub()
greenrt.sleep(30)
""",
        code=7,
    )
    assert errors == ""


@ways
def test_a_keyboard_interrupt_is_raised_in_main(way: str) -> None:
    _, errors = run(
        way,
        """
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
other = greenrt.spawn(greenrt.sleep, 30)
for _ in range(2):
    send_to_the_hub(signal.SIGINT)
    try:
        greenrt.sleep(30)
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("no KeyboardInterrupt")
    # `signal` returns a handler as the program passed it.
    assert signal.signal(signal.SIGINT, signal.default_int_handler) is signal.default_int_handler
assert not other.dead
""",
    )
    assert errors == ""


@ways
def test_getsignal_returns_the_handler_of_the_program(way: str) -> None:
    _, errors = run(
        way,
        """
def handler(number, frame):
    pass
class Callable:
    def __call__(self, number, frame):
        pass
instance = Callable()
assert signal.signal(USR1, handler) is signal.SIG_DFL
assert signal.getsignal(USR1) is handler
assert signal.signal(signalnum=USR1, handler=instance) is handler
assert signal.signal(USR1, signal.SIG_IGN) is instance
assert signal.getsignal(USR1) is signal.SIG_IGN
assert repr(signal.signal(USR1, 0)) == repr(signal.SIG_IGN)
assert signal.getsignal(USR1) is signal.SIG_DFL
for arguments, kind in ((1000, handler), ValueError), ((signal.SIGKILL, handler), OSError), ((USR1, 5), TypeError):
    try:
        signal.signal(*arguments)
    except kind:
        pass
    else:
        raise AssertionError(arguments)
def elsewhere():
    try:
        signal.signal(USR1, handler)
    except ValueError:
        refused.append(1)
refused = []
greenrt._original.start_new_thread(elsewhere, ())
wait_for(lambda: refused)
if sys.argv[1] == "patched":
    assert signal.getsignal(signal.SIGUSR2) is set_early is signal.signal(signal.SIGUSR2, handler)
""",
    )
    assert errors == ""


def test_one_set_before_patching_may_wait_too() -> None:
    _, errors = run_script("""
import os, signal
seen = []
def handler(number, frame):
    time.sleep(0.01)
    seen.append(number)
signal.signal(signal.SIGUSR1, handler)
from greenrt import monkey
monkey.patch_all()
import time
import greenrt
greenrt.get_hub().loop.run_callback(os.kill, os.getpid(), signal.SIGUSR1)
while not seen:
    time.sleep(0.01)
assert seen == [signal.SIGUSR1]
assert signal.getsignal(signal.SIGUSR1) is handler
""")
    assert errors == ""


def test_unpatched_it_may_not_wait_on_top_of_the_hub() -> None:
    _, errors = run_script("""
import os, signal, threading
import greenrt
signal.signal(signal.SIGUSR1, lambda *_: greenrt.sleep(0.01))
# Started in the hub: this greenlet waits when the signal arrives.
greenrt.get_hub().loop.run_callback(threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start)
try:
    greenrt.sleep(30)
except greenrt.errors.BlockingInHub:
    pass
else:
    raise AssertionError("it waited")
""")
    assert "BlockingInHub" in errors


@ways
def test_watchers_and_handlers_share_a_signal(way: str) -> None:
    """A watcher replaces a program's handler, and restores it."""
    _, errors = run(
        way,
        """
seen = []
def handler(number, frame):
    greenrt.sleep(0)
    seen.append("handler")
signal.signal(USR1, handler)
watching = greenrt.signal_handler(USR1, seen.append, "watcher")
watchers = signal.getsignal(USR1)
assert watchers is not handler
send_to_the_hub()
wait_for(lambda: seen == ["watcher"])
# As in a program that sets another handler in between.
assert signal.signal(USR1, handler) is watchers
signal.signal(USR1, watchers)
watching.cancel()
assert signal.getsignal(USR1) is handler
send_to_the_hub()
wait_for(lambda: seen == ["watcher", "handler"])
""",
    )
    assert errors == ""


def test_timers_and_signals_sent_to_oneself_patched() -> None:
    """The other functions of `signal` never wait, and are the standard ones. They also see the program's handlers."""
    _, errors = run(
        "patched",
        """
seen = []
begun = []
def handler(number, frame):
    begun.append(number)
    time.sleep(0.001)
    seen.append(number)
def soon(number):
    wait_for(lambda: number in seen)
    seen.clear()
    begun.clear()
for number in USR1, signal.SIGALRM:
    signal.signal(number, handler)
    signal.siginterrupt(number, False)
signal.raise_signal(USR1)
soon(USR1)
signal.pthread_kill(greenrt._original.get_ident(), USR1)
soon(USR1)
# A signal to a green thread is sent to the native thread that runs it.
killed = threading.Event()
thread = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), USR1) or killed.wait())
thread.start()
soon(USR1)
signal.pthread_kill(thread.ident, USR1)
soon(USR1)
killed.set()
thread.join()
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
wait_for(lambda: len(seen) >= 3)
left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
assert 0 <= left <= 0.01 and interval == 0.01
assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
time.sleep(0.01)
wait_for(lambda: len(seen) == len(begun))  # The last handler may still sleep in its own greenlet.
seen.clear()
assert signal.alarm(100) == 0
assert signal.alarm(1) > 90
# Interrupted calls continue to wait (PEP 475).
read_fd, write_fd = os.pipe()
threading.Thread(target=lambda: (wait_for(lambda: seen), os.write(write_fd, b"x"))).start()
assert os.read(read_fd, 1) == b"x"
assert seen == [signal.SIGALRM]
# A blocked signal is pending until it is unblocked.
seen.clear()
signal.pthread_sigmask(signal.SIG_BLOCK, [USR1])
signal.raise_signal(USR1)
time.sleep(0.05)
assert signal.sigpending() == {USR1} and not seen
signal.pthread_sigmask(signal.SIG_UNBLOCK, [USR1])
assert seen == [USR1]
""",
    )
    assert errors == ""


def test_pthread_kill_of_greenlets_is_for_their_native_thread() -> None:
    _, errors = run(
        "patched",
        """
seen = []
signal.signal(USR1, lambda number, frame: seen.append(threading.get_ident()))
def kill(ident):
    seen.clear()
    signal.pthread_kill(ident, USR1)
    wait_for(lambda: seen)
def clock(ident):
    return time.pthread_getcpuclockid(ident)
mine = clock(threading.get_ident())
idents, end = [], threading.Event()
def work():
    ident = threading.get_ident()
    kill(ident)
    assert clock(ident) == mine
    idents.append(ident)
    end.wait()
made = [greenrt.spawn(work), threading.Thread(target=work)]
made[0].start()
made[1].start()
raw = greenrt.spawn_raw(work)
wait_for(lambda: len(idents) == 3)
assert threading.get_ident() not in idents
for ident in idents:
    kill(ident)
    assert clock(ident) == mine
# A greenlet of another native thread.
pool, others = greenrt.ThreadPool(1), []
def away():
    others.append(greenrt._original.get_ident())
    greenlet = greenrt.spawn(lambda: others.append(threading.get_ident()) or time.sleep(0.3))
    greenlet.join()
running = pool.spawn(away)
wait_for(lambda: len(others) == 2)
kill(others[1])
assert clock(others[1]) == clock(others[0]) != mine
running.get()
end.set()
for thread in made:
    thread.join()
for ident in (*idents[:2], others[1]):
    for call in (clock, kill):
        try: call(ident)
        except ProcessLookupError: pass
        else: raise AssertionError(call)
for call in (clock, kill):
    try: call("x")
    except TypeError: pass
    else: raise AssertionError(call)
""",
    )
    assert errors == ""


def test_pthread_kill_of_a_native_thread_has_the_main_one_call_the_handler() -> None:
    _, errors = run(
        "patched",
        """
seen = []
signal.signal(USR1, lambda number, frame: (time.sleep(0.001), seen.append(greenrt._original.get_ident())))
pool = greenrt.ThreadPool(1)
for count in range(1, 11):
    pool.spawn(lambda: signal.pthread_kill(greenrt._original.get_ident(), USR1)).get()
    wait_for(lambda: len(seen) == count)
assert seen == [greenrt._original.get_ident()] * 10
""",
    )
    assert errors == ""


@pytest.mark.parametrize("kind", ["RLock", "Condition", "log"])
def test_a_handler_may_take_the_reentrant_lock_whose_operation_it_interrupts(kind: str) -> None:
    run_script(
        """
        from greenrt import monkey
        monkey.patch_all()
        import logging, signal, sys, threading, time
        kind = sys.argv[1]
        logger = logging.Logger("test")
        class Handler(logging.Handler):
            def emit(self, record): pass
        logger.addHandler(Handler())
        lock = threading.Condition() if kind == "Condition" else threading.RLock()
        def use():
            if kind == "log":
                logger.warning("x")
            else:
                with lock: pass
        count = 0
        def handle(number, frame):
            global count
            count += 1
            use()
        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        end = time.monotonic() + 2
        while time.monotonic() < end: use()
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert count > 10, count
        """,
        kind,
    )
