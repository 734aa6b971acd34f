"""The files that "Serve an application" shows, with the programs that they are for: nginx and systemd."""

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.child import environment
from support.pages import DOCS
from support.ports import free_ports
from support.servers import accepts, folder, program, serving

pytestmark = pytest.mark.real

APPLICATION = """
import json, os
NAMES = ("HTTP_HOST", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_CONNECTION", "PATH_INFO")
def app(environ, start_response):
    body = json.dumps({name: environ.get(name) for name in NAMES} | {"pid": os.getpid()}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
"""
SERVE = [sys.executable, "-m", "greenrt.cli.main", "serve"]


def file_of_page(name: str) -> str:
    """Return the text of a file that the page shows."""
    page = (DOCS / "howto" / "serving.md").read_text()
    found = re.search(
        rf"^```\{{code-block\}} \w+\n:caption: {re.escape(name)}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"the page shows no {name}"
    return found[1]


@contextmanager
def served(home: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """Serve the application at a Unix socket, as the page says; yield the process and the socket's path."""
    (home / "hello.py").write_text(APPLICATION)
    path = home / "hello.sock"
    command = [*SERVE, "--bind", f"unix:{path}", "--limit", "idle_timeout=75", "hello"]
    process = subprocess.Popen(command, cwd=home, env=environment(), stdout=subprocess.DEVNULL)
    try:
        give_up = time.monotonic() + 30
        while not path.exists():
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.02)
        path.chmod(0o666)
        yield process, path
    finally:
        process.kill()
        process.wait()


def asked(port: int, target: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        return json.loads(answer.read())  # type: ignore[no-any-return]
    finally:
        connection.close()


def test_behind_nginx() -> None:
    nginx = program("nginx", "nginx-light")
    port = free_ports(1)[0]
    with folder() as home, served(home) as (process, path):
        home.chmod(0o755)
        site = file_of_page("hello.conf")
        assert "/run/hello.sock" in site
        assert "listen 80;" in site
        site = site.replace("/run/hello.sock", str(path)).replace("listen 80;", f"listen 127.0.0.1:{port};")
        temporary = "".join(
            f"{name}_temp_path {home}/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (home / "nginx.conf").write_text(
            f"daemon off; pid {home}/pid; error_log stderr;\nevents {{}}\n"
            f"http {{ access_log off;\n{temporary}{site}}}\n"
        )
        command = [nginx, "-e", "stderr", "-p", str(home), "-c", str(home / "nginx.conf")]
        with serving(command, home, lambda: accepts(port), stop=signal.SIGQUIT):
            found = asked(port, "/some/path")
            assert found == {
                "HTTP_HOST": "127.0.0.1",
                "HTTP_X_FORWARDED_FOR": "127.0.0.1",
                "HTTP_X_FORWARDED_PROTO": "http",
                "HTTP_CONNECTION": None,
                "PATH_INFO": "/some/path",
                "pid": process.pid,
            }
            problems: list[BaseException] = []
            done = threading.Event()
            count = 0

            def keep_asking() -> None:
                nonlocal count
                try:
                    while not done.is_set():
                        asked(port, "/")
                        count += 1
                except BaseException as error:
                    problems.append(error)

            clients = [threading.Thread(target=keep_asking) for _ in range(4)]
            for client in clients:
                client.start()
            for _ in range(3):
                process.send_signal(signal.SIGHUP)
                time.sleep(1)
            done.set()
            for client in clients:
                client.join()
            assert problems == []
            assert count > 20
            print(f"{count} requests through nginx over three restarts, none lost")


def test_a_socket_of_systemd() -> None:
    activate = program("systemd-socket-activate", "systemd")
    with folder() as home:
        (home / "hello.py").write_text(APPLICATION)
        port = free_ports(1)[0]
        command = [
            activate,
            "-l",
            f"127.0.0.1:{port}",
            *(f"-E{name}" for name in environment()),
            *SERVE,
            "hello",
        ]
        process = subprocess.Popen(command, cwd=home, env=environment(), stdout=subprocess.DEVNULL)
        try:
            give_up = time.monotonic() + 30
            while not accepts(port) and time.monotonic() < give_up:
                time.sleep(0.05)
            assert asked(port, "/x")["PATH_INFO"] == "/x"
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("behind", ["nothing", "a proxy"])
def test_the_unit_files_are_valid(behind: str) -> None:
    analyze = program("systemd-analyze", "systemd")
    page = (DOCS / "howto" / "serving.md").read_text()
    listening = file_of_page("hello.socket")
    if behind == "a proxy":
        # The page's changes for that.
        assert "`ListenStream=80` by `ListenStream=/run/hello.sock`, and add `SocketUser=www-data`" in page
        listening = listening.replace(
            "ListenStream=80\n", "ListenStream=/run/hello.sock\nSocketUser=www-data\n"
        )
    with folder() as home:
        unit = file_of_page("hello.service")
        unit = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit, flags=re.MULTILINE)
        unit = re.sub(r"^WorkingDirectory=.*$", f"WorkingDirectory={home}", unit, flags=re.MULTILINE)
        (home / "hello.service").write_text(unit)
        (home / "hello.socket").write_text(listening)
        done = subprocess.run(
            [analyze, "verify", "--man=no", home / "hello.service", home / "hello.socket"],
            capture_output=True,
            text=True,
            check=False,
        )
        lines = (done.stdout + done.stderr).splitlines()
        assert [line for line in lines if "hello" in line] == []
        assert done.returncode == 0, done.stderr
