"""The exit code of a process does not depend on what green threads do while it ends."""

import signal
import subprocess
import sys

import pytest
from support.child import environment, run_script

# Each statement runs for the first time while the interpreter waits for the non-daemon threads.
LATE = {
    "host name": "socket.getaddrinfo('nowhere.invalid', 80)",
    "query": "greenrt.dns.query('nowhere.invalid', 'TXT')",
    "dataclass": "__import__('dataclasses').make_dataclass('Late', ['field'])",
    "namedtuple": "__import__('collections').namedtuple('Late', ['field'])",
    "text": "exec('0')",
}

ENDS = {
    "KeyboardInterrupt": ("raise KeyboardInterrupt", -signal.SIGINT),
    "SIGINT": ("os.kill(os.getpid(), signal.SIGINT); time.sleep(10)", -signal.SIGINT),
    "SIGINT in a call": ("signal.setitimer(signal.ITIMER_REAL, 0.05); stop.wait(10)", -signal.SIGINT),
    "error": ("raise ValueError", 1),
    "exit code": ("sys.exit(3)", 3),
    "end": ("", 0),
}

SCRIPT = """
from greenrt import monkey
monkey.patch_all()
import os, signal, socket, sys, threading, time
import greenrt, greenrt.dns

def interrupt(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
stop = threading.Event()

def late():
    ended.wait()
    try:
        {late}
    except Exception:
        pass
    done.set()

def last():
    # A green thread that is no daemon: the interpreter waits for it.
    while threading.main_thread().is_alive():
        time.sleep(0.01)
    ended.set()
    done.wait(10)
    print("late" if done.is_set() else "never")

ended, done = threading.Event(), threading.Event()
threading.Thread(target=late, daemon=True).start()
threading.Thread(target=last).start()
time.sleep(0.01)
{end}
"""


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("end", ["KeyboardInterrupt", "exit code"])
def test_what_a_green_thread_first_does_at_the_end(end: str, late: str) -> None:
    statement, code = ENDS[end]
    output, _ = run_script(SCRIPT.format(late=LATE[late], end=statement), code=code)
    assert output == "late\n"


@pytest.mark.parametrize("end", ENDS)
def test_how_the_main_module_ends(end: str) -> None:
    statement, code = ENDS[end]
    output, _ = run_script(SCRIPT.format(late=LATE["dataclass"], end=statement), code=code)
    assert output == "late\n"


@pytest.mark.parametrize("name", ["last_value", "last_exc"])
def test_an_interrupt_that_a_console_has_shown(name: str) -> None:
    # The script stores the error as `code.InteractiveConsole` does.
    run_script(
        f"""
        import sys
        import greenrt

        def console():
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt as error:
                sys.{name} = error

        console()
        greenrt.sleep(0)
        """
    )


def test_an_interactive_session_that_went_on_after_a_keyboard_interrupt() -> None:
    text = "raise KeyboardInterrupt\nprint('on')\n"
    ends = []
    for first in ("", "import greenrt\n"):
        done = subprocess.run(
            [sys.executable, "-i", "-q"],
            input=first + text,
            env=environment(),
            capture_output=True,
            text=True,
        )
        assert "on" in done.stdout
        ends.append(done.returncode)
    assert ends[0] == ends[1]
