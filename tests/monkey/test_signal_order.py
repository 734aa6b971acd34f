"""A signal's handler runs before the effects of operations that followed the signal."""

import textwrap

import pytest
from support.child import run_script

START = """
import os, signal, socket, subprocess, sys, threading, time
from greenrt import _original, monkey
monkey.patch_all()
import greenrt
handled = 0
def handler(number, frame):
    global handled
    handled += 1
"""

# Each one sends SIGUSR1 and then wakes the wait in the main greenlet.
ORDERS = {
    "a write to a pipe, by a process": """
        script = "import os, signal, sys; os.kill(os.getppid(), signal.SIGUSR1); os.write(1, b'x')"
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        assert child.stdout.read(1) == b"x"
        check()
        child.wait()
    """,
    "a write to a socket, by a native thread": """
        one, other = socket.socketpair()
        def act():
            os.kill(os.getpid(), signal.SIGUSR1)
            _original.write(one.fileno(), b"x")
        _original.start_new_thread(act, ())
        assert other.recv(1) == b"x"
        check()
    """,
    "an Event set by a native thread": """
        event = greenrt.Event()
        def act():
            os.kill(os.getpid(), signal.SIGUSR1)
            event.set()
        _original.start_new_thread(act, ())
        event.wait()
        check()
    """,
    "the end of a process": """
        child = subprocess.Popen([sys.executable, "-c", "import os, signal; os.kill(os.getppid(), signal.SIGUSR1)"])
        child.wait()
        check()
    """,
    "the call returns in the same greenlet": """
        os.kill(os.getpid(), signal.SIGUSR1)
        check()
    """,
}


@pytest.mark.parametrize("order", ORDERS)
def test_the_handler_comes_first(order: str) -> None:
    run_script(
        START
        + "signal.signal(signal.SIGUSR1, handler)\n"
        + "def check():\n    assert handled == number + 1, (handled, number)\n"
        + "for number in range(20):\n"
        + textwrap.indent(textwrap.dedent(ORDERS[order]), "    ")
    )


@pytest.mark.parametrize(
    "call", ["subprocess.run(['true'])", "os.waitpid(os.spawnlp(os.P_NOWAIT, 'true', 'true'), 0)"]
)
@pytest.mark.parametrize("where", ["main", "thread"])
def test_sigchld_comes_before_the_status(call: str, where: str) -> None:
    run_script(
        START
        + f"""
signal.signal(signal.SIGCHLD, handler)
def work():
    for number in range(50):
        {call}
        assert handled == number + 1, (handled, number)
if {where!r} == "main":
    work()
else:
    thread = greenrt.spawn(work)
    thread.get()
"""
    )
