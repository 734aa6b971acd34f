"""Deadlock reports: LoopExit if nothing can wake the program, and no report if a thread or a signal can."""

import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from support.child import run_script

from greenrt._hub import deadlock

ALONE = """
import greenrt, threading
from greenrt.errors import LoopExit
"""


def test_the_report_names_each_parked_greenlet() -> None:
    run_script(
        ALONE
        + """
def stuck():
    greenrt.Waiter().get()

first, second = greenrt.spawn(stuck), greenrt.spawn(stuck)
first.name = "the first one"
try:
    first.join()
except LoopExit as error:
    text = str(error)
    assert text.startswith("This operation would block forever"), text
    assert "the main greenlet waits on" in text, text
    assert "the first one" in text, text
    assert text.count("Waiter") == 2, text
    assert text.count("spawned at") == 2, text
    assert error.args[1] is greenrt.get_hub()
    assert len(error.args[2]) == 3
else:
    raise AssertionError("no LoopExit")
greenrt.killall([first, second])
greenrt.sleep(0.001)
"""
    )


def test_it_can_be_caught_again_and_again() -> None:
    run_script(
        ALONE
        + """
for _ in range(3):
    try:
        greenrt.Waiter().get()
    except LoopExit:
        pass
    else:
        raise AssertionError("no LoopExit")
    greenrt.spawn(greenrt.sleep, 0.001).join()
"""
    )


def test_uncaught_it_ends_the_program() -> None:
    _, stderr = run_script("import greenrt\ngreenrt.Waiter().get()", code=1)
    assert "LoopExit: This operation would block forever" in stderr
    assert "the main greenlet waits on <Waiter" in stderr


def test_not_while_a_native_thread_could_wake_it() -> None:
    run_script(
        ALONE
        + """
waiter = greenrt.Waiter()
loop = greenrt.get_hub().loop
def work():
    greenrt.sleep(1.5)
    loop.run_callback_threadsafe(waiter.switch, "from the thread")
thread = threading.Thread(target=work)
thread.start()
assert waiter.get() == "from the thread"
thread.join()
"""
    )


def test_not_while_a_thread_that_was_just_started_could_wake_it() -> None:
    """Such a thread has no Python frame yet, and one that only calls a C function never has."""
    run_script(
        ALONE
        + """
import greenrt.sync
queue = greenrt.sync.Queue()
for number in range(50):
    greenrt._original.start_new_thread(queue.put, (number,))
    assert queue.get() == number
"""
    )


def test_but_when_that_thread_has_ended() -> None:
    run_script(
        ALONE
        + """
import time
thread = threading.Thread(target=time.sleep, args=(0.3,))
thread.start()
try:
    greenrt.Waiter().get()
except LoopExit:
    assert not thread.is_alive()
else:
    raise AssertionError("no LoopExit")
thread.join()
"""
    )


def test_not_while_a_signal_handler_could_wake_it() -> None:
    run_script(
        ALONE
        + """
import os, signal, subprocess, sys
waiter = greenrt.Waiter()
signal.signal(signal.SIGUSR1, lambda *_: waiter.switch("handled"))
code = f"import os, signal, time; time.sleep(0.3); os.kill({os.getpid()}, signal.SIGUSR1)"
other = subprocess.Popen([sys.executable, "-c", code])
assert waiter.get() == "handled"
other.wait()
"""
    )


@pytest.mark.parametrize("method", ["__eq__", "__getattr__", "__getattribute__"])
def test_a_handler_that_raises_at_a_look_could_wake_it_too(method: str) -> None:
    run_script(
        ALONE
        + """
import signal, sys
looks = []
def asked(self, other):
    looks.append(other)
    raise ZeroDivisionError("code of the program")
class Handler:
    def __call__(self, number, frame):
        event.set()
setattr(Handler, sys.argv[1], asked)
event = greenrt.Event()
signal.signal(signal.SIGALRM, Handler())
signal.setitimer(signal.ITIMER_REAL, 0.2)
assert event.wait()
assert not looks, looks
""",
        method,
    )


def test_attributes_that_raise_do_not_take_the_place_of_the_report() -> None:
    run_script(
        ALONE
        + """
import sys, types
from greenlet import greenlet
asked = property(lambda self: 1 // 0)
class Raw(greenlet):
    spawned_at = asked
class Mine(greenrt.Greenlet):
    spawned_at = asked
class Gate(greenrt.Event):
    __class__ = asked
class Lazy(types.ModuleType):
    def __getattr__(self, name):
        return 1 // 0
sys.modules["pycares"] = Lazy("pycares")
raw = Raw(lambda: Gate().wait())
greenrt.get_hub().loop.run_callback(raw.switch)
mine = Mine.spawn(Gate().wait)
try:
    Gate().wait()
except LoopExit as error:
    lines = error.args[2]
assert len(lines) == 3 and all(" waits on <Gate at " in line for line in lines), lines
"""
    )


def test_ctrl_c_ends_a_blocked_program() -> None:
    _, stderr = run_script(
        """
import greenrt, os, signal, subprocess, sys
greenrt.spawn(greenrt.sleep, 1000)
code = f"import os, signal, time; time.sleep(0.3); os.kill({os.getpid()}, signal.SIGINT)"
other = subprocess.Popen([sys.executable, "-c", code])
try:
    greenrt.sleep(100)
except KeyboardInterrupt:
    print("interrupted")
    other.wait()
    raise
""",
        code=None,
    )
    assert "KeyboardInterrupt" in stderr


def test_ctrl_c_while_a_greenlet_computes() -> None:
    run_script(
        """
import greenrt, signal, time
def compute():
    end = time.monotonic() + 20
    while time.monotonic() < end:
        sum(range(1000))
greenrt.spawn(compute)
signal.signal(signal.SIGALRM, signal.default_int_handler)
try:
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    greenrt.sleep(100)
except KeyboardInterrupt:
    pass
else:
    raise AssertionError("not interrupted")
"""
    )


def test_not_while_the_hub_of_another_thread_could_wake_it() -> None:
    """A compiled hub that polls has no Python frame, but its thread must count as a possible waker."""
    run_script(
        ALONE
        + """
import time
waiter = greenrt.Waiter()
loop = greenrt.get_hub().loop
def work():
    greenrt.spawn_later(1.5, loop.run_callback_threadsafe, waiter.switch, "from the other hub").join()
thread = threading.Thread(target=work)
thread.start()
assert waiter.get() == "from the other hub"
thread.join()
try:
    greenrt.Waiter().get()
except LoopExit:
    pass
else:
    raise AssertionError("no LoopExit although that thread has ended")
"""
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it looks into /proc")
def test_not_while_a_busy_machine_has_not_run_a_new_thread_yet() -> None:
    """That takes longer there than the time after which a deadlock is confirmed."""
    run_script(
        ALONE
        + """
import greenrt.sync, os, signal, time
queue = greenrt.sync.Queue()
# New threads run on a busy processor, where other processes come first.
processors = os.sched_getaffinity(0)
busy = {min(processors)}
os.sched_setaffinity(0, busy)
spinners = []
try:
    for _ in range(8):
        spinner = os.fork()
        if not spinner:
            end = time.monotonic() + 20
            while time.monotonic() < end: pass
            os._exit(0)
        spinners.append(spinner)
    os.nice(12)
    for number in range(6):
        os.sched_setaffinity(0, busy)
        greenrt._original.start_new_thread(queue.put, (number,))
        os.sched_setaffinity(0, processors - busy or processors)
        assert queue.get() == number
finally:
    for spinner in spinners:
        os.kill(spinner, signal.SIGKILL)
        os.waitpid(spinner, 0)
"""
    )


def test_a_thread_that_ends_meanwhile_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stat:
        def __init__(self, path: str, mode: str) -> None:
            self.task = path.split("/")[-2]

        def __enter__(self) -> "Stat":
            return self

        def __exit__(self, *exc_info: object) -> None:
            pass

        def read(self) -> bytes:
            # The kernel's errno for the open file of a thread that has ended is ESRCH.
            if self.task == "2":
                raise ProcessLookupError
            return b"3 (a) b) R 1"

    fake: Any = SimpleNamespace(open=Stat, get_native_id=lambda: 1)
    monkeypatch.setattr(deadlock, "_original", fake)
    monkeypatch.setattr(os, "listdir", lambda path: ["1", "2", "3"])
    assert deadlock.another_thread_runs()
