"""A signal that makes a process write a dump to its stderr."""

import os
import signal
import subprocess
import time
from contextlib import AbstractContextManager
from typing import Any

import pytest
from support.asking import program
from support.child import run_script

import greenrt

compiled_only = pytest.mark.skipif(
    greenrt.__build__ == "pure", reason="the plain build has no handler in C: see dump_on_signal"
)


def running(text: str, **options: Any) -> "AbstractContextManager[subprocess.Popen[str]]":
    """Run a program by `greenrt run`."""
    command = ("-m", "greenrt", "run", "-c")
    return program(f"import greenrt\n{text}", listens=False, command=command, GREENRT_INSPECT="0", **options)


def lines_until(process: "subprocess.Popen[str]", end: str) -> list[str]:
    """Return the lines that the process writes to stderr, up to the one that begins with `end`."""
    assert process.stderr is not None
    lines = []
    while line := process.stderr.readline():
        lines.append(line)
        if line.startswith(end):
            return lines
    raise AssertionError(lines)


IDLE = "greenrt.spawn(greenrt.sleep, 40)\nprint('ready', flush=True)\ngreenrt.sleep(40)"

# No signal interrupts this call, and it has released the GIL.
LOCKED_IN_C = """
import ctypes
greenrt.sleep(0)
mutex = ctypes.create_string_buffer(100)
lock = ctypes.CDLL(None).pthread_mutex_lock
lock(mutex)
print("ready", flush=True)
lock(mutex)
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (IDLE, "on sleep(40 s)"),
        ("greenrt.sleep(0)\nprint('ready', flush=True)\nwhile True: pass", "running"),
        pytest.param(
            LOCKED_IN_C,
            "running",
            marks=compiled_only,
        ),
    ],
    ids=["idle", "loop", "C call"],
)
def test_a_dump_whatever_the_hub_does(text: str, line: str) -> None:
    with running(text) as process:
        time.sleep(0.1)
        for _ in range(3):
            process.send_signal(signal.SIGUSR1)
            lines = lines_until(process, "fds: ")
            assert lines[0].startswith(f"process {process.pid}: ")
            assert any(line in each for each in lines)


@compiled_only
def test_a_call_in_c_that_keeps_the_gil() -> None:
    """A later signal shows where the threads are."""
    text = """
def keeps():
    max(range(10**12))
print("ready", flush=True)
keeps()
    """
    with running(text) as process:
        time.sleep(0.3)
        process.send_signal(signal.SIGUSR1)
        time.sleep(2.1)
        process.send_signal(signal.SIGUSR1)
        lines = lines_until(process, '  File "<string>", line 5 in keeps')
        assert not any(line.startswith("process ") for line in lines)


def test_another_signal_and_none() -> None:
    with running(IDLE, GREENRT_DUMP_SIGNAL="SIGUSR2") as process:
        process.send_signal(signal.SIGUSR2)
        lines_until(process, "fds: ")
        process.send_signal(signal.SIGUSR1)
        assert process.wait(20) == -signal.SIGUSR1
    with running(IDLE, GREENRT_DUMP_SIGNAL="0") as process:
        process.send_signal(signal.SIGUSR1)
        assert process.wait(20) == -signal.SIGUSR1


@pytest.mark.parametrize("value", ["KILLED", "0x1", "-1", "1000", "_IGN", "SIG_DFL"])
def test_a_wrong_variable(value: str) -> None:
    _, errors = run_script("import greenrt; greenrt.sleep(0)", code=1, GREENRT_DUMP_SIGNAL=value)
    assert f"ValueError: GREENRT_DUMP_SIGNAL is {value!r}; use a signal such as USR1, or 0 for none" in errors


def test_the_program_sets_a_handler() -> None:
    text = """
import os, signal
# The signal may come before print() has returned, in which no other print() may be.
signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b"mine\\n"))
print("ready", flush=True)
greenrt.sleep(40)
    """
    with running(text) as process:
        process.send_signal(signal.SIGUSR1)
        assert process.stdout is not None
        assert process.stdout.readline() == "mine\n"
        process.kill()
        assert process.communicate()[1] == ""


def test_a_handler_that_is_there_is_left_alone() -> None:
    run_script("""
import signal
from greenrt import inspect
def handler(*_): pass
signal.signal(signal.SIGUSR1, handler)
assert not inspect.dump_on_signal()
assert signal.getsignal(signal.SIGUSR1) is handler
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
assert not inspect.dump_on_signal()
assert inspect.dump_on_signal(signal.SIGUSR2)
    """)


@compiled_only
def test_a_handler_in_c_is_left_alone() -> None:
    _, errors = run_script("""
import faulthandler, os, signal
from greenrt import inspect
faulthandler.register(signal.SIGUSR1)
assert not inspect.dump_on_signal()
assert inspect.dump_on_signal(signal.SIGUSR2)
assert inspect.dump_on_signal(signal.SIGUSR2)
os.kill(os.getpid(), signal.SIGUSR1)
    """)
    assert "most recent call first" in errors
    run_script("""
from greenrt import inspect
for number in (0, 1000):
    try:
        inspect.dump_on_signal(number)
    except ValueError:
        continue
    raise AssertionError(number)
    """)


def test_a_fork_in_the_middle_of_the_answer_only_delays_it() -> None:
    text = """
import os, signal, time
event = greenrt.Event()
many = [greenrt.spawn(event.wait) for _ in range(3000)]
greenrt.sleep(0)
print("ready", flush=True)
for pause in (0, 0.01, 0.02, 0.04):
    os.kill(os.getpid(), signal.SIGUSR1)
    end = time.monotonic() + pause
    while time.monotonic() < end:
        pass
    if os.fork() == 0:
        os._exit(0)
    os.wait()
    greenrt.sleep(0)
    input()
    """
    with running(text, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for _ in range(4):
            lines_until(process, "fds: ")
            process.stdin.write("\n")
            process.stdin.flush()


def test_a_dump_that_fails_says_so() -> None:
    text = """
from greenrt.inspect import snapshot
def fail():
    raise ZeroDivisionError("planned")
snapshot.server_stats = fail
greenrt.spawn(greenrt.sleep, 40)
print("ready", flush=True)
greenrt.sleep(40)
    """
    with running(text) as process:
        process.send_signal(signal.SIGUSR1)
        assert lines_until(process, "the dump") == ["the dump has failed: ZeroDivisionError: planned\n"]


def test_it_wakes_no_greenlet_and_a_child_has_its_own() -> None:
    _, errors = run_script("""
import os, signal, time
import greenrt
from greenrt import inspect
from support.forking import check
assert inspect.dump_on_signal()
greenrt.sleep(0)
pid = os.fork()
if pid == 0:
    os.kill(os.getpid(), signal.SIGUSR1)
    greenrt.sleep(1)
    os._exit(0)
check(pid)
try:
    greenrt.Event().wait()
except greenrt.LoopExit:
    print("deadlock")
    """)
    (line,) = [line for line in errors.splitlines() if line.startswith("process ")]
    assert line.endswith(": 1 greenlet")


def test_many_signals_under_switches() -> None:
    """Handlers of faulthandler would crash here: they read frames that a switch is moving."""
    text = """
def switches(number):
    while True:
        greenrt.sleep(0)
def deep(number):
    switches(0) if number == 0 else deep(number - 1)
for depth in range(20):
    greenrt.spawn(deep, depth)
print("ready", flush=True)
greenrt.sleep(40)
    """
    with running(text) as process:
        os.set_blocking(process.stderr.fileno(), True)  # type: ignore[union-attr]
        for _ in range(100):
            process.send_signal(signal.SIGUSR1)
            lines_until(process, "fds: ")
        assert process.poll() is None


def test_the_end_of_the_process() -> None:
    for _ in range(10):
        with running("print('ready', flush=True)") as process:
            while process.poll() is None:
                process.send_signal(signal.SIGUSR1)
                time.sleep(0.0005)
            assert process.returncode == 0
