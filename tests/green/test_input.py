"""The builtin `input` of a patched program at a terminal: other greenlets run while it waits."""

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.child import environment

HEAD = """
import faulthandler, os, sys, threading, time
faulthandler.dump_traceback_later(30, exit=True)
{before}
from greenrt import monkey
monkey.patch_all()
import greenrt

ticks = 0
enough = None

def tick():
    global ticks
    while True:
        time.sleep(0.001)
        ticks += 1
        if ticks == enough:
            os.write({ran}, b".")

# Ctrl-C may come while it runs. The main greenlet gets the KeyboardInterrupt; it would end a spawned greenlet too.
threading.Thread(target=tick, daemon=True).start()

def ask(prompt="? "):
    global enough
    enough = ticks + 5
    try:
        answer = input(prompt)
    except BaseException as error:
        answer = type(error)
    print(repr(answer), "others ran" if ticks >= enough else "others waited", flush=True)
"""


class Program:
    """A program with a controlling terminal that echoes nothing."""

    def __init__(self, body: str, before: str = "") -> None:
        self.master, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[3] &= ~termios.ECHO
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.seen = ""
        # The program writes to this pipe when others have run during a call of `ask`.
        self.ran, ran = os.pipe()
        start = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        self.process = subprocess.Popen(
            [sys.executable, "-c", start + HEAD.format(before=before, ran=ran) + body],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(TERM="dumb"),
            start_new_session=True,
            pass_fds=[ran],
        )
        os.close(slave)
        os.close(ran)

    def until(self, text: str) -> str:
        """Read until the output has the text; return the output up to its end."""
        while text not in self.seen:
            assert select.select([self.master], [], [], 30)[0], self.seen
            self.seen += os.read(self.master, 1000).decode()
        found, _, self.seen = self.seen.partition(text)
        return found + text

    def until_others_ran(self) -> None:
        """Wait until other greenlets have run while `ask` waits."""
        assert select.select([self.ran], [], [], 30)[0], self.seen
        assert os.read(self.ran, 1) == b"."

    def type(self, data: bytes) -> None:
        os.write(self.master, data)


@contextmanager
def program(body: str, **options: Any) -> Iterator[Program]:
    running = Program(body, **options)
    try:
        yield running
        assert running.process.wait(30) == 0
    finally:
        running.process.kill()
        running.process.wait()
        os.close(running.master)
        os.close(running.ran)


def test_others_run_until_the_line_is_complete() -> None:
    with program("print('buffered', end=' '); ask('n\\u00e4me? '); ask('')") as running:
        assert running.until("? ") == "buffered n\u00e4me? "
        running.until_others_ran()
        running.type(b"h\xc3\xa4l")
        running.type(b"lo\n")
        assert running.until("\n") == "'h\u00e4llo' others ran\n"
        running.until_others_ran()
        running.type(b"\n")
        assert running.until("\n") == "'' others ran\n"


@pytest.mark.parametrize(
    ("typed", "kind"), [(b"\x04", EOFError), (b"\x03", KeyboardInterrupt)], ids=["end of file", "interrupt"]
)
def test_keys_that_end_it(typed: bytes, kind: type[BaseException]) -> None:
    with program("ask(); ask()") as running:
        running.until("? ")
        running.until_others_ran()
        running.type(typed)
        assert running.until("\n").lstrip("\r\n") == f"<class '{kind.__name__}'> others ran\n"
        # The terminal has its former attributes.
        running.until("? ")
        running.until_others_ran()
        running.type(b"again\n")
        assert running.until("\n") == "'again' others ran\n"


def test_in_a_class_and_in_two_greenlets() -> None:
    body = """
class Asking:
    ask = input
    def both(self):
        return [greenrt.spawn(self.ask, prompt) for prompt in ("one? ", "two? ")]

readers = Asking().both()
greenrt.joinall(readers, timeout=20)
print([reader.get(block=False) for reader in readers])
"""
    with program(body) as running:
        # The second prompt appears when the first call has ended.
        assert running.until("? ") == "one? "
        running.type(b"first\n")
        assert running.until("? ") == "two? "
        running.type(b"second\n")
        assert running.until("\n") == "['first', 'second']\n"


def test_with_readline_the_original_call_waits() -> None:
    pytest.importorskip("readline")
    with program("ask()", before="import readline") as running:
        running.until("? ")
        # Others would have the time to run.
        time.sleep(0.1)
        running.type(b"line\n")
        assert "'line' others waited" in running.until("waited")


def test_wrong_prompts_are_those_of_the_original() -> None:
    body = """
class Prompt:
    def __str__(self):
        raise ZeroDivisionError

for call in (input, monkey.get_original("builtins", "input")):
    for arguments in (Prompt(),), (1, 2), ("\\ud800",):
        try:
            call(*arguments)
        except Exception as error:
            print(type(error).__name__, end=" ")
print(flush=True)
"""
    with program(body) as running:
        assert running.until("\n").split() == ["ZeroDivisionError", "TypeError", "UnicodeEncodeError"] * 2
