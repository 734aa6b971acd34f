"""The error log of `greenrt serve`: lines have their time, process, level and, for a request, the peer's address."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.child import environment

APPLICATION = """
import logging, sys

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/fails":
        environ.clear()
        raise ZeroDivisionError("seen")
    if path == "/errors":
        environ["wsgi.errors"].write("from the application\\n")
    if path == "/levels":
        for level in (10, 20, 30, 40):
            logging.getLogger("greenrt.serve").log(level, "level %d", level)
    start_response("200 OK", [])
    return [b"fine"]
"""
ROOT = 'import logging; logging.basicConfig(format="mine %(message)s")\n'
DICT = "import logging.config; logging.config.dictConfig({'version': 1})\n"
START = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} "


def log_of(folder: Path, program: str, *options: str, paths: list[str]) -> tuple[int, str]:
    """Run the command, request the paths and end it; return its pid and its stderr."""
    (folder / "program.py").write_text(program)
    command = [sys.executable, "-m", "greenrt.cli.main", "serve", "--bind", "0", *options, "program:app"]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found is not None
        for path in paths:
            with socket.create_connection(("127.0.0.1", int(found[1])), 30) as sock:
                sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                while sock.recv(1000):
                    pass
        process.terminate()
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    return process.pid, errors


@pytest.mark.parametrize("prefix", ["", DICT], ids=["plain", "dictConfig"])
def test_lines_have_time_process_and_peer(tmp_path: Path, prefix: str) -> None:
    pid, errors = log_of(tmp_path, prefix + APPLICATION, paths=["/fails", "/errors"])
    peer = r"127\.0\.0\.1:\d+"
    assert re.search(rf"{START}\[{pid}\] ERROR: GET /fails from {peer} failed$", errors, re.MULTILINE)
    assert errors.count("ZeroDivisionError: seen") == 1
    assert re.search(rf"{START}\[{pid}\] ERROR: from the application$", errors, re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        ([], ["30", "40"]),
        (["--log-level", "debug"], ["10", "20", "30", "40"]),
        (["--log-level=error"], ["40"]),
        (["--log-level", "critical"], []),
    ],
    ids=str,
)
def test_levels(tmp_path: Path, options: list[str], levels: list[str]) -> None:
    _, errors = log_of(tmp_path, APPLICATION, *options, paths=["/levels"])
    assert re.findall(r"level (\d+)$", errors, re.MULTILINE) == levels


def test_the_handlers_of_the_application_take_the_lines(tmp_path: Path) -> None:
    _, errors = log_of(tmp_path, ROOT + APPLICATION, paths=["/levels"])
    assert errors.splitlines() == ["mine level 30", "mine level 40"]


def test_a_level_that_there_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "greenrt.cli.main", "serve", "--log-level", "loud", "program:app"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert re.search(r"--log-level: invalid choice: 'loud' .*critical", done.stderr.splitlines()[-1])
