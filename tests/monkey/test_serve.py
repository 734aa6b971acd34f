"""greenrt serve, as a process with signals."""

import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.child import environment

APPLICATION = """
import os, time

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        print("slow", flush=True)
        while not os.path.exists("go"):
            time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"pid %d" % os.getpid()]
"""


@contextmanager
def served(
    folder: Path, *options: str, bind: str = "127.0.0.1:0", fds: Any = ()
) -> Iterator[tuple[Any, str]]:
    """Run the command and yield the process and its first line, which tells the address."""
    (folder / "program.py").write_text(APPLICATION)
    command = [
        sys.executable,
        "-m",
        "greenrt.monkey.cli",
        "serve",
        "--bind",
        bind,
        *options,
        "program:app",
    ]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True, pass_fds=fds
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def get(line: str, path: str = "/") -> str:
    address = line.split("http://")[1].split(",")[0]
    with urllib.request.urlopen(f"http://{address}{path}", timeout=30) as response:
        return str(response.read().decode())


def ask_slowly(process: Any, line: str) -> tuple[threading.Thread, list[str]]:
    """Ask for what is answered once the file `go` exists; return the thread, once it has come in, and its answers."""
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(get(line, "/slow")))
    asking.start()
    assert process.stdout.readline() == "slow\n"
    return asking, answers


def test_a_signal_ends_it_after_what_has_come(tmp_path: Path) -> None:
    with served(tmp_path) as (process, line):
        assert get(line) == f"pid {process.pid}"
        asking, answers = ask_slowly(process, line)
        process.send_signal(signal.SIGTERM)
        assert "SIGTERM: " in process.stdout.readline()
        (tmp_path / "go").touch()
        asking.join(30)
        assert answers == [f"pid {process.pid}"]
        assert process.wait(30) == 0


def test_hup_starts_anew_in_the_same_process_and_refuses_nobody(tmp_path: Path) -> None:
    with served(tmp_path) as (process, line):
        assert get(line) == f"pid {process.pid}"
        process.send_signal(signal.SIGHUP)
        for _ in range(20):
            assert get(line) == f"pid {process.pid}"
        shown = [process.stdout.readline() for _ in range(3)]
        assert "SIGHUP" in shown[0]
        assert shown[2] == line
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_hups_that_come_while_it_starts_anew_do_not_kill_it(tmp_path: Path) -> None:
    with served(tmp_path) as (process, line):
        for _ in range(20):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.05)
        assert get(line) == f"pid {process.pid}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_signal_to_end_while_it_is_about_to_start_anew(tmp_path: Path) -> None:
    with served(tmp_path) as (process, line):
        asking, answers = ask_slowly(process, line)
        process.send_signal(signal.SIGHUP)
        assert "SIGHUP" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        (tmp_path / "go").touch()
        asking.join(30)
        assert answers == [f"pid {process.pid}"]
        assert process.wait(30) == 0


def test_a_socket_that_was_passed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        with served(tmp_path, bind=f"fd:{fd}", fds=[fd]) as (process, line):
            assert str(listener.getsockname()[1]) in line
            assert get(line) == f"pid {process.pid}"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--limit", "nonsense=1"], "there is no limit 'nonsense'"),
        (["--limit", "body=x"], "must be a number or none"),
        (["--nonsense"], "unrecognized arguments"),
    ],
)
def test_wrong_options(options: list[str], words: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "greenrt.monkey.cli", "serve", *options, "program:app"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert words in done.stderr


def test_limits_and_the_log(tmp_path: Path) -> None:
    with served(tmp_path, "--limit", "request_line=100", "--limit", "idle_time=none", "--access-log") as (
        process,
        line,
    ):
        assert get(line)
        assert '"GET / HTTP/1.1" 200' in process.stdout.readline()
        with pytest.raises(OSError, match="414"):
            get(line, "/" + "a" * 100)
