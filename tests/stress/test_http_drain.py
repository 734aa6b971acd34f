"""Signals under load: whatever came in is answered, and the end comes in time."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.child import environment
from support.ports import free_ports
from support.wsgi import request

import greenrt
from greenrt.green import socket

from .conftest import Campaign

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(300)]

PROGRAM = """
import os, random, time

calls = os.open("calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
late = os.open("late", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
most = 0

def app(environ, start_response):
    global most
    os.write(calls, b".")
    pause = random.random() * 0.02
    began = time.monotonic()
    time.sleep(pause)
    # The milliseconds by which the server is late.
    by = int((time.monotonic() - began - pause) * 1000)
    if by > most:
        most = by
        os.write(late, b"%d\\n" % by)
    start_response("200 OK", [])
    return [b"done"]
"""
GRACE = 10
COMMANDS = {
    "serve": ["greenrt.cli.main", "serve", "--graceful", str(GRACE), "--bind", "127.0.0.1:{port}"],
    "gunicorn": [
        *("gunicorn", "-k", "greenrt.adapters.gunicorn.Worker", "-w", "2", "--bind", "127.0.0.1:{port}"),
        *("--graceful-timeout", str(GRACE), "--log-level", "error", "--no-control-socket"),
    ],
}


@contextmanager
def served(name: str, folder: Path) -> Iterator[tuple[Any, int]]:
    (folder / "program.py").write_text(PROGRAM)
    (port,) = free_ports(1)
    command = [part.format(port=port) for part in COMMANDS[name]]
    process = subprocess.Popen(
        [sys.executable, "-m", *command, "program:app"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 30).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None
                greenrt.sleep(0.05)
        yield process, port
    finally:
        process.kill()
        process.wait()


def answered(sock: Any, sent: bytes) -> str:
    """Send a request and tell what became of it."""
    try:
        sock.sendall(sent)
        answer = b""
        while not answer.endswith(b"done"):
            data = sock.recv(4096)
            if not data:
                return "broken" if answer else "unanswered"
            answer += data
    except OSError:
        return "broken" if answer else "unanswered"
    return "last" if b"Connection: close" in answer else "answered"


def load(port: int, kept: bool, seen: Counter[str], over: Any) -> None:
    """Ask until the server is gone: on one connection for as long as it lives, or on a new one each time."""
    sent = request(close=not kept)
    how = "kept" if kept else "new"
    while not over.is_set():
        try:
            sock = socket.create_connection(("127.0.0.1", port), 30)
        except ConnectionRefusedError:
            seen["refused"] += 1
            greenrt.sleep(0.05)
            continue
        except OSError:
            # Reset within the handshake.
            seen["refused"] += 1
            continue
        with sock:
            while True:
                outcome = answered(sock, sent)
                seen[f"{how} {outcome}"] += 1
                if outcome != "answered":
                    break


def note_stalls(seen: Counter[str], over: Any) -> None:
    """Note by how much this process is late, at most."""
    while not over.is_set():
        due = time.monotonic() + 0.01
        greenrt.sleep(0.01)
        seen["ms late"] = max(seen["ms late"], int((time.monotonic() - due) * 1000))


@contextmanager
def loaded(port: int) -> Iterator[Counter[str]]:
    seen: Counter[str] = Counter()
    over = greenrt.sync.event.Event()
    clients = [greenrt.spawn(load, port, number % 2 == 0, seen, over) for number in range(60)]
    clients.append(greenrt.spawn(note_stalls, seen, over))
    try:
        yield seen
    finally:
        over.set()
        greenrt.joinall(clients)


def check(folder: Path, seen: Counter[str]) -> str:
    """Hold the answers against the calls of the application; return both in words."""
    calls = (folder / "calls").stat().st_size
    done = sum(seen[f"{how} {outcome}"] for how in ("kept", "new") for outcome in ("answered", "last"))
    assert done == calls
    assert not seen["new broken"] + seen["kept broken"]
    # A request may be on its way for longer than the server waits for it, which is 100 ms: all of them, if this
    # process or the server stalls.
    seen["ms late there"] = max(map(int, (folder / "late").read_text().split()), default=0)
    if seen["ms late"] + seen["ms late there"] < 90:
        assert seen["new unanswered"] + seen["kept unanswered"] <= 6
    return f"{calls} calls, {dict(seen)}"


def end(process: Any) -> float:
    """Send SIGTERM; return the seconds that the process still took."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    while process.poll() is None:
        greenrt.sleep(0.01)
    assert process.returncode == 0
    return time.monotonic() - began


@pytest.mark.parametrize("name", COMMANDS)
def test_sigterm_under_load(campaign: Campaign, name: str, tmp_path: Path) -> None:
    with served(name, tmp_path) as (process, port), loaded(port) as seen:
        greenrt.sleep(1 + random.random() / 10)
        took = end(process)
    campaign.report(f"{check(tmp_path, seen)}, ended in {took:.2f} s")
    assert took < GRACE


def test_sighup_under_load(campaign: Campaign, tmp_path: Path) -> None:
    with served("serve", tmp_path) as (process, port), loaded(port) as seen:
        for _ in range(3):
            greenrt.sleep(1.5 + random.random() / 10)
            process.send_signal(signal.SIGHUP)
        greenrt.sleep(1.5)
        # Started anew, it answers again.
        so_far = seen["new last"]
        while seen["new last"] < so_far + 100:
            greenrt.sleep(0.01)
        assert not seen["refused"]
        end(process)
    campaign.report(check(tmp_path, seen))
