"""termios: waits for a terminal's output suspend only the greenlet; results and errors are the standard ones."""

import os
import pty
import termios
from collections.abc import Callable

import pytest
from support.child import run_script

import greenrt
from greenrt.green import _termios


@pytest.mark.parametrize(
    "call",
    [
        lambda fd: _termios.FUNCTIONS["tcdrain"](fd),
        lambda fd: _termios.FUNCTIONS["tcsetattr"](fd, termios.TCSADRAIN, termios.tcgetattr(fd)),
        lambda fd: _termios.FUNCTIONS["tcsetattr"](fd, termios.TCSAFLUSH, termios.tcgetattr(fd)),
    ],
)
def test_others_run_until_the_output_is_sent(
    call: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pty sends at once, so the test replaces the terminal's answer."""
    unsent = [5]
    monkeypatch.setattr(_termios, "_unsent", lambda fd: unsent[0])
    master, slave = pty.openpty()
    waiting = greenrt.spawn(call, slave)
    killed = greenrt.spawn(call, slave)
    greenrt.sleep(0.02)
    assert not waiting.dead
    killed.kill()
    unsent[0] = 0
    waiting.get(timeout=20)
    os.close(master)
    os.close(slave)


PROGRAM = """
    import sys
    if sys.argv[1] == "patched":
        from greenrt import monkey
        monkey.patch_all()
    import os, pty, termios, tty
    def attempt(function, *args):
        try: return function(*args)
        except Exception as error: return type(error).__name__, error.args
    master, slave = pty.openpty()
    os.write(slave, b"hello")
    print(termios.tcdrain(slave), os.read(master, 9), attempt(termios.tcdrain, 999), attempt(termios.tcdrain, "x"))
    with os.fdopen(slave, "wb", 0, closefd=False) as file:
        print(termios.tcdrain(file), termios.tcsendbreak(file, 0))
    r, w = os.pipe()
    print(attempt(termios.tcdrain, w), attempt(termios.tcsendbreak, w, 0))
    attributes = termios.tcgetattr(slave)
    for when in (termios.TCSANOW, termios.TCSADRAIN, termios.TCSAFLUSH, 77):
        print(attempt(termios.tcsetattr, slave, when, attributes), attempt(termios.tcsetattr, w, when, attributes))
    print(attempt(termios.tcsetattr, slave, termios.TCSADRAIN, 5))
    tty.setraw(slave)
    print(termios.tcgetattr(slave) == attributes, tty.tcsetattr is termios.tcsetattr)
"""


def test_results_and_errors_are_the_standard_ones() -> None:
    patched, _ = run_script(PROGRAM, "patched")
    plain, _ = run_script(PROGRAM, "plain")
    assert patched.splitlines() == plain.splitlines()


def test_at_the_end_of_the_process() -> None:
    """CPython 3.12 starts no threads while the functions of atexit run."""
    out, _ = run_script("""
        from greenrt import monkey
        monkey.patch_all()
        import atexit, os, pty, termios, time
        master, slave = pty.openpty()
        old, new = termios.tcgetattr(slave), termios.tcgetattr(slave)
        new[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, new)
        def restore():
            termios.tcsetattr(slave, termios.TCSADRAIN, old)
            print(termios.tcgetattr(slave) == old)
        atexit.register(restore)
        time.sleep(0)
    """)
    assert out == "True\n"
