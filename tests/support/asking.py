"""Programs that `greenrt dump` asks, each in a process of its own with a runtime folder of its own."""

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.child import environment

__all__ = ["ask", "dump", "program", "read_all", "runtime_folder", "socket_of"]

# How long a program may live, if a test hangs, in seconds.
LIFE = 50


@contextmanager
def runtime_folder() -> Iterator[Path]:
    """Yield a new folder with a path that is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="ask-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def program(
    text: str,
    folder: Path | None = None,
    *,
    listens: bool = True,
    command: tuple[str, ...] = ("-c",),
    stdin: int = subprocess.DEVNULL,
    **variables: str,
) -> Iterator["subprocess.Popen[str]"]:
    """Run a program that prints a line when it is ready, and kill it at the end.

    folder: its XDG_RUNTIME_DIR. listens: whether it runs with GREENRT_INSPECT=1 and imports greenrt. command: the
    arguments of Python before the program's text.
    """
    first = f"import signal; signal.alarm({LIFE})\n" + ("import greenrt\n" if listens else "")
    variables = {"GREENRT_INSPECT": "1" if listens else "", **variables}
    if folder is not None:
        variables["XDG_RUNTIME_DIR"] = str(folder)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", *command, first + textwrap.dedent(text)],
        env=environment(**variables),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if line != "ready\n":
            process.kill()
            raise AssertionError(f"not ready: {line}{process.communicate()[1]}")
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()


def socket_of(folder: Path, process: "subprocess.Popen[str]") -> Path:
    """Return the path of a program's socket."""
    return folder / "greenrt" / f"{process.pid}.sock"


def dump(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run `greenrt dump`."""
    return subprocess.run(
        [sys.executable, "-m", "greenrt", "dump", *map(str, arguments)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=40,
        **options,
    )


def read_all(sock: socket.socket) -> bytes:
    """Return what arrives until the end."""
    received = b""
    while data := sock.recv(1 << 16):
        received += data
    return received


def ask(path: Path, question: bytes = b"greenrt 1 text\n") -> bytes:
    """Send a question to a socket, and return all that it answers."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(str(path))
        sock.sendall(question)
        return read_all(sock)
