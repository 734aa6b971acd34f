"""gunicorn in a process of its own, and the output of its loggers."""

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.child import environment

__all__ = ["WORKER", "datagrams", "gunicorn", "having", "until"]

WORKER = "greenrt.adapters.gunicorn.Worker"


@contextmanager
def gunicorn(
    folder: Path,
    program: str,
    *options: str,
    worker: str = WORKER,
    bind: str = "127.0.0.1:0",
    env: dict[str, str] | None = None,
) -> Iterator[tuple[Any, str]]:
    """Run gunicorn; yield its process and its address once it serves. `env` is its environment."""
    (folder / "program.py").write_text(program)
    basic = ["-k", worker, "-b", bind, "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *basic, *options, "program:app"]
    process = subprocess.Popen(
        command, cwd=folder, env=env or environment(), stderr=subprocess.PIPE, text=True
    )
    lines: list[str] = []
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if found := re.search(r"Listening at: ((?:https?|unix):\S+)", line):
            break
    else:
        raise AssertionError("".join(lines))
    reading = threading.Thread(target=lambda: lines.extend(process.stderr))
    reading.start()
    process.lines = lines  # type: ignore[attr-defined]
    try:
        yield process, found[1]
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()
            reading.join()
            process.stderr.close()


def until(holds: Callable[[], Any]) -> Any:
    """Wait until a condition holds, and return its value."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        if value := holds():
            return value
        time.sleep(0.01)
    raise AssertionError(holds())


@contextmanager
def datagrams(path: Path) -> Iterator[list[bytes]]:
    """Receive datagrams all the time: a full queue would block gunicorn."""
    found: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        reading = threading.Thread(target=lambda: found.extend(iter(lambda: sock.recv(65536), b"end")))
        reading.start()
        try:
            yield found
        finally:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ending:
                ending.sendto(b"end", str(path))
            reading.join()


def having(found: list[bytes], text: bytes) -> bytes:
    """Wait for a datagram that contains the text."""
    data: bytes = until(lambda: next((each for each in found if text in each), None))
    return data
