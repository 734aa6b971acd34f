"""System errors for a main greenlet that was woken up but has not run yet. Each test runs in its own process."""

import signal

import pytest
from support.child import run_script

PRELUDE = """
import sys, threading
import greenrt

event = greenrt.Event()

def fail(kind):
    event.set()
    raise kind(7)
"""


@pytest.mark.parametrize(("kind", "code"), [("KeyboardInterrupt", -signal.SIGINT), ("SystemExit", 7)])
def test_a_program_that_ends_with_its_next_line_hears_of_it(kind: str, code: int) -> None:
    output, errors = run_script(
        f"""{PRELUDE}
greenrt.spawn(fail, {kind})
event.wait()
""",
        code=code,
    )
    assert output == ""
    if kind == "SystemExit":
        assert errors == ""
    else:
        # The traceback is printed once, with the lines of the greenlet that raised the error.
        assert errors.count("Traceback") == 1
        assert errors.endswith("KeyboardInterrupt: 7\n")
        assert ", in fail" in errors


@pytest.mark.parametrize("kind", ["KeyboardInterrupt", "SystemExit", "SystemError"])
def test_it_is_raised_before_the_next_line_and_once(kind: str) -> None:
    output, errors = run_script(f"""{PRELUDE}
sys.unraisablehook = print
greenrt.get_hub().NOT_ERROR += (SystemError,)
for _ in range(20):
    greenrt.spawn(fail, {kind})
    try:
        event.wait()
        print("not reached")
    except {kind} as error:
        assert error.args == (7,)
    event.clear()
    greenrt.sleep(0)
    sum(range(10))
    assert greenrt.spawn(int).get() == 0
""")
    assert (output, errors) == ("", "")


def test_greenlets_that_run_before_the_main_one_do_not_get_it() -> None:
    output, errors = run_script(f"""{PRELUDE}
def other():
    for _ in range(100):
        sum(range(10))
    ran.append(True)
ran = []
for _ in range(20):
    greenrt.spawn(fail, KeyboardInterrupt)
    greenrt.spawn(other)
    try:
        event.wait()
        print("not reached")
    except KeyboardInterrupt:
        pass
    event.clear()
    greenrt.sleep(0)
assert ran == [True] * 20
""")
    assert (output, errors) == ("", "")


def test_a_signal_handlers_error_comes_through_a_greenlet_that_runs() -> None:
    output, errors = run_script(f"""{PRELUDE}
import os, signal
def busy():
    event.set()
    os.kill(os.getpid(), signal.SIGINT)
    sum(range(10))
    print("not reached")
greenrt.spawn(busy)
try:
    event.wait()
    print("not reached")
except KeyboardInterrupt:
    print("heard")
""")
    assert (output, errors) == ("heard\n", "")


def test_in_other_threads_it_is_raised_at_the_next_wait() -> None:
    output, errors = run_script(f"""{PRELUDE}
def serve():
    greenrt.spawn(fail, SystemExit)
    event.wait()
    told.append("woken")
    try:
        greenrt.sleep(0)
    except SystemExit as error:
        told.append(error.args)
told = []
thread = threading.Thread(target=serve)
thread.start()
thread.join()
assert told == ["woken", (7,)], told
""")
    assert (output, errors) == ("", "")
