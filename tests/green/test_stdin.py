"""`sys.stdin` of a patched program: a read from a pipe, a socket or a terminal suspends only the greenlet."""

import os
import pty
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.child import environment

HEAD = """
import faulthandler, sys, time
faulthandler.dump_traceback_later(30, exit=True)
{before}
from greenrt import monkey
monkey.patch_all()
import greenrt

def ready():
    time.sleep(0.01)
    print("ready", flush=True)

greenrt.spawn(ready)
copy = sys.stdin
"""


def run(body: str, *inputs: bytes, before: str = "", make: Callable[[], Any] = os.pipe) -> list[str]:
    """Run a patched program, send the inputs when another of its greenlets runs, and return its output.

    before: code that reads before the patching. With it, the first input is sent at the start.
    """
    theirs, ours = make()
    program = HEAD.format(before=before) + body
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=theirs, stdout=subprocess.PIPE, env=environment(), text=True
    )
    assert child.stdout is not None
    with child, child.stdout:
        os.close(theirs)
        first, *rest = inputs
        if before:
            os.write(ours, first)
            first, *rest = rest
        assert child.stdout.readline() == "ready\n"
        for data in (first, *rest):
            os.write(ours, data)
        if make is not pty_pair:
            os.close(ours)
        lines = child.stdout.read().splitlines()
        assert child.wait() == 0
        if make is pty_pair:
            os.close(ours)
    return lines


def pty_pair() -> tuple[int, int]:
    master, slave = pty.openpty()
    return slave, master


def socket_pair() -> tuple[int, int]:
    ours, theirs = socket.socketpair()
    return theirs.detach(), ours.detach()


WAYS = {
    "input": "print(repr(input()))",
    "readline": "print(repr(sys.stdin.readline().rstrip()))",
    "iteration": "print(repr([line.rstrip() for line in sys.stdin][0]))",
    "read": "print(repr(sys.stdin.read().rstrip()))",
    "read(n)": "print(repr(sys.stdin.read(5)))",
    "buffer": "print(repr(sys.stdin.buffer.readline().rstrip().decode()))",
    "read1": "print(repr(sys.stdin.buffer.read1().rstrip().decode()))",
    "lines of the buffer": "print(repr([line.rstrip().decode() for line in sys.stdin.buffer][0]))",
    "peek": "print(repr(sys.stdin.buffer.peek().rstrip().decode()))",
    "raw": "print(repr(sys.stdin.buffer.raw.read(100).rstrip().decode()))",
    "readall": "print(repr(sys.stdin.buffer.raw.readall().rstrip().decode()))",
    "the first stream": "print(repr(sys.__stdin__.readline().rstrip()))",
    "open": "print(repr(open(0, closefd=False).readline().rstrip()))",
}


@pytest.mark.parametrize("way", WAYS)
def test_others_run_meanwhile(way: str) -> None:
    assert run(WAYS[way], b"hello\n") == ["'hello'"]


@pytest.mark.parametrize("make", [socket_pair, pty_pair])
def test_a_socket_and_a_terminal(make: Callable[[], Any]) -> None:
    assert run(WAYS["readline"], b"hello\n", make=make) == ["'hello'"]


def test_what_was_read_ahead_before_patching_is_kept() -> None:
    body = "print(sys.stdin.readline().rstrip(), old.readline().rstrip(), copy.read().rstrip())"
    lines = run(body, b"zero\none\ntw", b"o\nthree\n", before="old = sys.stdin; assert old.readline()")
    assert lines == ["one two three"]


def test_two_greenlets_that_read_take_turns() -> None:
    body = """
readers = [greenrt.spawn(lambda: sys.stdin.buffer.readline()) for _ in range(2)]
greenrt.joinall(readers, timeout=20)
print(sorted(reader.get(block=False) for reader in readers))
"""
    assert run(body, b"one\ntwo\n") == [repr([b"one\n", b"two\n"])]


def test_an_end_and_a_file(tmp_path: Path) -> None:
    assert run("print(repr(sys.stdin.read()), repr(sys.stdin.readline()))", b"") == ["'' ''"]
    path = tmp_path / "file"
    path.write_text("text")
    program = (
        "from greenrt import monkey; monkey.patch_all(); import sys\n"
        "print(sys.stdin.read(), list(vars(sys.stdin.buffer.raw)))"
    )
    with path.open() as file:
        done = subprocess.run(
            [sys.executable, "-c", program],
            stdin=file,
            capture_output=True,
            env=environment(),
            text=True,
            timeout=40,
        )
    assert done.stdout == "text ['name']\n", done.stderr
