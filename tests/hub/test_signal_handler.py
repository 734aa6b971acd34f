"""Signals: watchers in any loop, handlers in greenlets, plain handlers. Each test runs in its own process."""

import pytest
from support.child import run_script

PRELUDE = """
import os, signal, sys, threading, time
import greenrt
from greenrt._loop.loop import Loop

def send(number=signal.SIGUSR1):
    os.kill(os.getpid(), number)

def wait_for(what):
    end = time.monotonic() + 10
    while not what() and time.monotonic() < end:
        greenrt.sleep(0.005)
    assert what()
"""


def run(text: str, *arguments: str, code: int = 0) -> tuple[str, str]:
    return run_script(PRELUDE + text, *arguments, code=code)


def test_watchers_count_in_several_loops_and_give_the_place_back() -> None:
    _, errors = run("""
mine = lambda number, frame: None
signal.signal(signal.SIGUSR1, mine)
hub = greenrt.get_hub()
watchers = [hub.loop.signal(signal.SIGUSR1) for _ in range(2)]
counts = [0, 0, 0]
def note(index, watcher):
    counts[index] += watcher.count
for index, watcher in enumerate(watchers):
    watcher.start(note, index, watcher)
started, stop = threading.Event(), threading.Event()
def other():
    loop = Loop()
    watcher = loop.signal(signal.SIGUSR1)
    watcher.start(note, 2, watcher)
    started.set()
    while not stop.is_set():
        loop.run(once=True)
    loop.close()
thread = threading.Thread(target=other)
thread.start()
started.wait()
greenrt.sleep(0)
for number in range(100):
    send()
    # One at a time: the kernel merges what waits.
    wait_for(lambda: counts == [number + 1] * 3)
watchers[0].stop()
stop.set()
send()
thread.join()
wait_for(lambda: counts[1] == 101)
assert counts[0] == 100
watchers[1].stop()
wait_for(lambda: signal.getsignal(signal.SIGUSR1) is mine)
""")
    assert errors == ""


def test_the_handler_that_the_program_sets_meanwhile_stays() -> None:
    run("""
watcher = greenrt.get_hub().loop.signal(signal.SIGUSR1)
watcher.start(print)
later = lambda number, frame: None
signal.signal(signal.SIGUSR1, later)
watcher.stop()
assert signal.getsignal(signal.SIGUSR1) is later
""")


def test_stopped_in_a_thread_the_signal_is_the_programs_again() -> None:
    _, errors = run(
        """
greenrt.get_hub()
def other():
    loop = Loop()
    watcher = loop.signal(signal.SIGTERM)
    watcher.start(print)
    installed.wait()
    watcher.stop()
    loop.close()
installed = threading.Event()
thread = threading.Thread(target=other)
thread.start()
wait_for(lambda: callable(signal.getsignal(signal.SIGTERM)))
installed.set()
thread.join()
# The main thread's loop has not run since: the handler is still there, and does as if it were not.
assert callable(signal.getsignal(signal.SIGTERM))
send(signal.SIGTERM)
time.sleep(10)
""",
        code=-15,
    )
    assert errors == ""


@pytest.mark.parametrize("number", [0, -1, 9, 19, 1000])
def test_numbers_that_are_no_signals_to_handle(number: int) -> None:
    import greenrt

    with pytest.raises(ValueError, match=f"can be handled, not {number}"):
        greenrt.get_hub().loop.signal(number)
    with pytest.raises(ValueError, match="can be handled"):
        greenrt.signal_handler(number, print)


def test_a_start_in_a_thread_without_a_loop_in_the_main_one() -> None:
    run("""
def other():
    loop = Loop()
    try:
        loop.signal(signal.SIGUSR1).start(print)
    except ValueError as error:
        assert "greenrt.get_hub() there first" in str(error)
        seen.append(loop.activecnt)
    loop.close()
seen = []
thread = threading.Thread(target=other)
thread.start()
thread.join()
assert seen == [0]
""")


def test_a_handler_in_a_greenlet_may_block_and_be_cancelled() -> None:
    _, errors = run("""
seen, event = [], greenrt.Event()
def handler(word, more):
    greenrt.sleep(0.01)
    event.wait()
    seen.append((word, more, greenrt.getcurrent() is not greenrt.get_hub()))
with_arguments = greenrt.signal_handler(signal.SIGUSR1, handler, "word", more=1)
assert not with_arguments.ref
send()
greenrt.sleep(0.05)
assert not seen
event.set()
wait_for(lambda: seen == [("word", 1, True)])
with_arguments.cancel()
with_arguments.cancel()
assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
try:
    greenrt.signal_handler(signal.SIGUSR1, 5)
except TypeError as error:
    assert "5" in str(error)
# An error of the handler is printed like that of any greenlet, and raised in the main greenlet.
import io
greenrt.get_hub().exception_stream = io.StringIO()
def fail():
    greenrt.sleep(0)
    1 / 0
for wait in (lambda: greenrt.sleep(10), greenrt.Event().wait, lambda: greenrt.spawn(greenrt.sleep, 10).get()):
    failing = greenrt.signal_handler(signal.SIGUSR1, fail)
    send()
    try:
        wait()
        raise AssertionError("not raised")
    except ZeroDivisionError:
        pass
    failing.cancel()
assert "ZeroDivisionError" in greenrt.get_hub().exception_stream.getvalue()
# A handler that is killed, or leaves, ends alone.
def leave():
    raise greenrt.GreenletExit
leaving = greenrt.signal_handler(signal.SIGUSR1, leave)
send()
greenrt.sleep(0.02)
leaving.cancel()
""")
    assert errors == ""


def test_a_program_that_waits_for_a_handler_is_not_called_blocked() -> None:
    run("""
event = greenrt.Event()
greenrt.signal_handler(signal.SIGUSR1, event.set)
threading.Timer(1.5, send).start()
event.wait()
""")


@pytest.mark.parametrize("where", ["idle hub", "busy greenlet", "native thread", "gap"])
def test_latency(where: str) -> None:
    """A plain handler of signal.signal runs soon, whatever the process is doing when the signal arrives."""
    out, errors = run(
        """
where = sys.argv[1]
loop = greenrt.get_hub().loop
late = []
sent = [0.0]
woken = greenrt.Event()
def handler(number, frame):
    late.append(time.monotonic() - sent[0])
    woken.set()
signal.signal(signal.SIGUSR1, handler)
def send_now():
    sent[0] = time.monotonic()
    if where == "native thread":
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
    else:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
if where == "gap":
    # Between the look for signals and the poll. ctypes: no bytecode follows at which CPython would look.
    import ctypes
    libc = ctypes.CDLL(None)
    # The callback is the C function itself.
    raise_in_c, raise_ = loop.prepare(), libc["raise"]
for round in range(20):
    woken.clear()
    if where == "gap":
        sent[0] = time.monotonic()
        raise_in_c.start(raise_, int(signal.SIGUSR1))
        woken.wait(5)
        raise_in_c.stop()
        continue
    timer = threading.Timer(0.02, send_now)
    timer.start()
    if where == "busy greenlet":
        end = time.monotonic() + 5
        while not woken.is_set() and time.monotonic() < end:
            pass
    else:
        assert woken.wait(5)
    timer.join()
assert len(late) >= 20, len(late)
print(f"{max(late) * 1e3:.2f}")
""",
        where,
    )
    assert errors == ""
    # A lost wakeup takes 5 s.
    assert float(out) < 4000


def test_keyboard_interrupts_reach_the_main_greenlet() -> None:
    run("""
other = greenrt.spawn(greenrt.sleep, 30)
for park in lambda: greenrt.sleep(30), greenrt.Event().wait, other.join:
    greenrt.get_hub().loop.timer(0.02).start(lambda: None)
    try:
        threading.Timer(0.05, send, (signal.SIGINT,)).start()
        park()
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("no KeyboardInterrupt")
assert not other.dead
""")


OWN_FDS = """
def nonblocking_pipe():
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends

def told(fd):
    try:
        return list(os.read(fd, 10))
    except BlockingIOError:
        return []

from greenrt import _original
woken = greenrt.Event()

def note(number, frame):
    seen.append(number)
    woken.set()

def during_sleep(action):
    '''Call `action`, which sends a signal to `note`, in a native thread while the hub sleeps.'''
    loop = greenrt.get_hub().loop
    def act():
        turn = -1
        # The hub sleeps if a poll takes longer than a nap.
        while not loop.polling or loop.iteration != turn:
            turn = loop.iteration
            _original.sleep(0.05)
        action()
    woken.clear()
    _original.start_new_thread(act, ())
    assert woken.wait(20)

if sys.argv[1:] == ["patched"]:
    from greenrt import monkey
    monkey.patch_all()
"""


@pytest.mark.parametrize("way", ["patched", "unpatched"])
def test_the_programs_own_wakeup_fd_gets_the_numbers_too(way: str) -> None:
    """It does whenever the fd is set and whatever the hub is doing. set_wakeup_fd returns the right previous fd."""
    _, errors = run(
        OWN_FDS
        + """
early, early_in = nonblocking_pipe()
late, late_in = nonblocking_pipe()
signal.set_wakeup_fd(early_in)
seen = []
signal.signal(signal.SIGUSR1, note)
signal.signal(signal.SIGUSR2, lambda number, frame: None)
greenrt.sleep(0.001)
for read_fd, write_fd, before in (early, early_in, early_in), (late, late_in, early_in):
    assert signal.set_wakeup_fd(write_fd) == before
    # A greenlet runs.
    send(signal.SIGUSR2)
    assert told(read_fd) == [signal.SIGUSR2]
    seen.clear()
    during_sleep(send)
    assert seen
    numbers = told(read_fd)
    assert numbers == [signal.SIGUSR1], numbers
assert signal.set_wakeup_fd(-1) == late_in
seen.clear()
threading.Timer(0.05, send).start()
wait_for(lambda: seen)
assert told(early) == told(late) == []
assert signal.set_wakeup_fd(early_in) == -1
greenrt.get_hub().destroy()
assert signal.set_wakeup_fd(-1) == early_in
""",
        way,
    )
    assert errors == ""


def test_a_handler_sets_the_wakeup_fd_while_the_hub_sleeps() -> None:
    _, errors = run(
        OWN_FDS
        + """
read_fd, write_fd = nonblocking_pipe()
hub = greenrt.get_hub()
seen = []
def handler(number, frame):
    seen.append(signal.set_wakeup_fd(write_fd))
signal.signal(signal.SIGUSR1, handler)
threading.Timer(0.05, send).start()
wait_for(lambda: seen)
assert signal.set_wakeup_fd(write_fd) == write_fd
"""
    )
    assert errors == ""


def test_an_interrupt_while_the_wakeup_fd_is_given_back() -> None:
    """The loop must not take its own installed fd for the program's: it would forward signals to itself for ever."""
    _, errors = run("""
from greenrt import _original
from greenrt._loop.wakeup import SignalWakeup
wakeup = SignalWakeup()
signal.signal(signal.SIGUSR1, lambda number, frame: None)
real = _original.set_wakeup_fd
def interrupted(*args, **kwargs):
    raise KeyboardInterrupt
wakeup.arm()
_original.set_wakeup_fd = interrupted
try:
    wakeup.disarm()
except KeyboardInterrupt:
    pass
_original.set_wakeup_fd = real
wakeup.arm()
send()
wakeup.disarm()
assert signal.set_wakeup_fd(-1) == -1
wakeup.close()
""")
    assert errors == ""


def test_a_wakeup_fd_that_is_full_or_closed_does_no_harm() -> None:
    _, errors = run(
        OWN_FDS
        + """
read_fd, write_fd = nonblocking_pipe()
signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
while True:
    try:
        os.write(write_fd, bytes(1000))
    except BlockingIOError:
        break
seen = []
signal.signal(signal.SIGUSR1, note)
for count in 1, 2, 3:
    threading.Timer(0.05, send).start()
    wait_for(lambda: len(seen) == count)
assert signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False) == write_fd
# In the sleep, while it is replaced.
during_sleep(lambda: (os.close(write_fd), send()))
assert len(seen) == 4
assert signal.set_wakeup_fd(-1) == -1
"""
    )
    assert errors == ""


def test_watchers_after_a_fork() -> None:
    _, errors = run("""
import warnings
seen = []
handler = greenrt.signal_handler(signal.SIGUSR1, seen.append, 1)
pid = os.fork()
if pid == 0:
    send()
    wait_for(lambda: seen == [1])
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert not seen
send()
wait_for(lambda: seen == [1])
""")
    assert errors == ""
