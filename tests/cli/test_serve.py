"""`greenrt serve`, as a process that gets signals."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from support.child import environment
from support.frameworks import DJANGO, FLASK
from support.tls import CERTIFICATE
from support.url_request import request

APPLICATION = """
import os, sys, time

def app(environ, start_response):
    if environ["PATH_INFO"] == "/exit":
        sys.exit(3)
    if environ["PATH_INFO"] == "/slow":
        print("slow", flush=True)
        while not os.path.exists("go"):
            time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/patched":
        patched = "greenrt.monkey" in sys.modules and sys.modules["greenrt.monkey"].is_module_patched("time")
        return [str(patched).encode()]
    return [b"pid %d" % os.getpid()]
"""


@contextmanager
def served(
    folder: Path,
    *options: str,
    bind: str = "127.0.0.1:0",
    fds: Any = (),
    program: str = APPLICATION,
    **variables: str,
) -> Iterator[tuple[Any, str]]:
    """Run the command; yield the process and its first line, which contains the address."""
    (folder / "program.py").write_text(program)
    command = [
        sys.executable,
        "-m",
        "greenrt.cli.main",
        "serve",
        "--bind",
        bind,
        *options,
        "program:app",
    ]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=fds,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def get(line: str, path: str = "/", data: bytes | None = None) -> str:
    address = line.split("http://")[1].split(",")[0]
    return request(f"http://{address}{path}", data)[1]


def ask_slowly(process: Any, line: str) -> tuple[threading.Thread, list[str]]:
    """Request a page that is answered once the file `go` exists.

    Return the thread, once the request has arrived, and its answers.
    """
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


def test_hup_restarts_in_the_same_process_and_refuses_no_client(tmp_path: Path) -> None:
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


def ask_at_path(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: client.recv(1000), b""))


@pytest.mark.parametrize("restarts", [0, 2])
def test_the_file_of_a_unix_socket_is_removed_at_the_end(tmp_path: Path, restarts: int) -> None:
    path = tmp_path / "s"
    with served(tmp_path, bind=f"unix:{path}") as (process, _):
        for _ in range(restarts):
            process.send_signal(signal.SIGHUP)
            for _ in range(3):
                process.stdout.readline()
        assert b"pid" in ask_at_path(path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not path.exists()


@pytest.mark.parametrize("filled", [True, False], ids=["full before it starts", "filled by its lines"])
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_does_not_read_holds_up_nothing(
    tmp_path: Path, stream: str, unbuffered: str, filled: bool
) -> None:
    (tmp_path / "program.py").write_text("""
import sys
def app(environ, start_response):
    if environ["PATH_INFO"] == "/error":
        raise ValueError("x" * 2000)
    if environ["PATH_INFO"] == "/print":
        print("x" * 2000, file=sys.stderr, flush=True)
    start_response("200 OK", [])
    return [b"fine"]
""")
    path = tmp_path / "s"
    reader, writer = os.pipe()
    if filled:
        os.set_blocking(writer, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        os.set_blocking(writer, True)
    command = [sys.executable, "-m", "greenrt.cli.main", "serve", "--access-log", "--graceful", "1"]
    outputs: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": None, stream: writer}
    process = subprocess.Popen(
        [*command, "--bind", f"unix:{path}", "program:app"],
        cwd=tmp_path,
        env=environment(PYTHONUNBUFFERED=unbuffered),
        **outputs,
    )
    os.close(writer)

    def ask(target: str) -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(path))
            client.sendall(f"GET {target} HTTP/1.0\r\n\r\n".encode())
            return b"".join(iter(lambda: client.recv(1000), b""))

    def ask_in_vain() -> None:
        # Only this request waits for the reader.
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET /print HTTP/1.0\r\n\r\n")

    with process, killed(process):
        wait_until(lambda: listens(path))
        for restart in (True, False):
            for number in range(60):
                assert b"fine" in ask(f"/{number}{'x' * 2000}")
                if stream == "stdout":
                    assert b" 500 " in ask("/error")
            ask_in_vain()
            assert b"fine" in ask("/")
            process.send_signal(signal.SIGHUP if restart else signal.SIGTERM)
            if restart:
                time.sleep(0.1)
                wait_until(lambda: listens(path))
        assert process.wait(30) == 0
    os.close(reader)


def test_unbuffered_streams_stay_unbuffered(tmp_path: Path) -> None:
    program = """
def app(environ, start_response):
    print("printed")
    start_response("200 OK", [])
    return [b"fine"]
"""
    with served(tmp_path, program=program, PYTHONUNBUFFERED="1") as (process, line):
        assert get(line) == "fine"
        assert process.stdout.readline() == "printed\n"


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_reader_that_comes_back_at_the_end_gets_all_lines(tmp_path: Path, unbuffered: str) -> None:
    with served(tmp_path, "--access-log", PYTHONUNBUFFERED=unbuffered) as (process, line):
        # More than a pipe holds.
        for number in range(100):
            get(line, f"/{number}{'x' * 2000}")
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read().count('"GET /') == 100
        assert process.wait(20) == 0


def test_the_end_waits_for_no_reader_of_a_stream_that_the_application_has_wrapped(tmp_path: Path) -> None:
    program = """
import sys
class Wrapper:
    def __init__(self, stream): self.write, self.flush = stream.write, stream.flush
sys.stdout = Wrapper(sys.stdout)
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"fine"]
"""
    with served(tmp_path, "--access-log", program=program) as (process, line):
        # More than a pipe holds.
        for number in range(100):
            get(line, f"/{number}{'x' * 2000}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize("output", ["closed pipe", "full disk", "none"])
def test_an_output_that_cannot_be_written_changes_nothing(tmp_path: Path, output: str) -> None:
    (tmp_path / "program.py").write_text(
        APPLICATION.replace('print("slow", flush=True)', 'open("slow", "w")')
    )
    path = tmp_path / "s"
    reader, writer = os.pipe()
    os.close(reader)
    if output == "full disk":
        os.close(writer)
        writer = os.open("/dev/full", os.O_WRONLY)
    command = [
        sys.executable,
        "-m",
        "greenrt.cli.main",
        "serve",
        "--access-log",
        "--bind",
        f"unix:{path}",
        "program:app",
    ]
    if output == "none":
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=writer, stderr=subprocess.DEVNULL
    )
    os.close(writer)
    with process, killed(process):
        # The file exists before the socket listens.
        wait_until(lambda: listens(path))
        assert b"pid" in ask_at_path(path)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        assert b"pid" in ask_at_path(path)
        # A request in flight is answered.
        answers: list[bytes] = []

        def ask() -> None:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                client.sendall(b"GET /slow HTTP/1.0\r\n\r\n")
                answers.append(b"".join(iter(lambda: client.recv(1000), b"")))

        asking = threading.Thread(target=ask)
        asking.start()
        wait_until((tmp_path / "slow").exists)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        (tmp_path / "go").touch()
        asking.join(30)
        assert b"pid" in answers[0]
        assert process.wait(30) == 0


@contextmanager
def killed(process: Any) -> Iterator[None]:
    """Kill the process at the end: after a failed assertion it would run forever."""
    try:
        yield
    finally:
        process.kill()


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def wait_until(condition: Any) -> None:
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("bind", "start"), [("0", "http://127.0.0.1:"), ("[::1]:0", "http://[::1]:"), (":0", "http://0.0.0.0:")]
)
def test_the_first_line_says_which_address_it_takes(tmp_path: Path, bind: str, start: str) -> None:
    with served(tmp_path, bind=bind) as (_, line):
        assert f" at {start}" in line
        assert get(line)


def test_a_socket_that_was_passed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        with served(tmp_path, bind=f"fd:{fd}", fds=[fd]) as (process, line):
            assert str(listener.getsockname()[1]) in line
            assert get(line) == f"pid {process.pid}"


def test_over_tls_also_started_anew(tmp_path: Path) -> None:
    with served(tmp_path, "--tls-cert", str(CERTIFICATE)) as (process, line):
        assert "https://127.0.0.1:" in line
        url = line.split(" at ")[1].split(",")[0]
        context = ssl.create_default_context(cafile=CERTIFICATE)
        # Otherwise the certificate's name would have to be the address.
        context.check_hostname = False
        for _ in range(2):
            with urllib.request.urlopen(url, timeout=30, context=context) as response:
                assert response.read() == b"pid %d" % process.pid
            process.send_signal(signal.SIGHUP)
            while process.stdout.readline() != line:
                pass


@pytest.mark.parametrize("program", [FLASK, DJANGO], ids=["flask", "django"])
def test_frameworks(program: str, tmp_path: Path) -> None:
    with served(tmp_path, program=program) as (process, line):
        assert get(line) == f"pid {process.pid}"
        assert get(line, "/post", b"name=abc") == "abc"


def test_at_a_path(tmp_path: Path) -> None:
    with served(tmp_path, bind="unix:socket") as (process, line):
        assert line == f"greenrt serves program:app at unix:socket (http), pid {process.pid}\n"
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(tmp_path / "socket"))
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with sock.makefile("rb") as answer:
                assert answer.read().endswith(b"pid %d" % process.pid)


@pytest.mark.parametrize(("option", "patched"), [((), "True"), (("--no-patch",), "False")], ids=str)
def test_the_standard_library_is_patched_unless_that_is_not_wanted(
    option: tuple[str, ...], patched: str, tmp_path: Path
) -> None:
    with served(tmp_path, *option) as (_, line):
        assert get(line, "/patched") == patched


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--limit", "nonsense=1"], "there is no limit 'nonsense'"),
        (["--limit", "body=x"], "must be a number or none"),
        (["--limit", "fields=none"], "the limit fields is None, but it can't be switched off"),
        (["--limit", "body_rate=0"], "the limit body_rate must be more than 0"),
        (["--graceful", "-1"], "must be 0 or more"),
        (["--graceful", "nan"], "must be 0 or more"),
        (["--bind", "\udcff"], "is no address"),
        (["--nonsense"], "unrecognized arguments"),
        (["--tls-key", "program.py"], "--tls-key needs --tls-cert"),
        (["--tls-cert", "program.py"], "--tls-cert 'program.py' has no certificate in PEM"),
        (["--bind", "nowhere"], "--bind 'nowhere' is no address: the port must be a number"),
        (["--bind", "::1:80:x"], "use host:port, [IPv6]:port, "),
        (["--bind", "unix:/nowhere/socket"], "No such file or directory: '/nowhere/socket'"),
    ],
)
def test_wrong_options(options: list[str], words: str, tmp_path: Path) -> None:
    says_why(tmp_path, words, *options, "program:app")


def test_a_failed_start_leaves_no_socket_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    binds = ["--bind", "unix:good", "--bind", "unix:file"]
    says_why(tmp_path, "address in use by a file that is no socket", *binds, "program:app")
    assert sorted(path.name for path in tmp_path.iterdir() if not path.is_dir()) == ["file", "program.py"]


@pytest.mark.parametrize(
    ("application", "words"),
    [
        ("nowhere:app", "there is no module 'nowhere'"),
        ("program:nothing", "has no 'nothing'"),
        ("program:os", "a WSGI application must be callable"),
        (":app", "':app' is not MODULE:NAME"),
    ],
)
def test_what_is_no_application(application: str, words: str, tmp_path: Path) -> None:
    says_why(tmp_path, words, application)


def says_why(folder: Path, words: str, *arguments: str) -> None:
    """Run the command, which must end with a line that names the error."""
    (folder / "program.py").write_text(APPLICATION)
    command = [sys.executable, "-m", "greenrt.cli.main", "serve", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_what_the_application_fails_to_import_is_shown_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nowhere")
    command = [sys.executable, "-m", "greenrt.cli.main", "serve", "broken:app"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert 'broken.py", line 1' in done.stderr


def test_an_application_that_exits_fails_and_the_server_lives(tmp_path: Path) -> None:
    with served(tmp_path) as (process, line):
        with pytest.raises(OSError, match="500"):
            get(line, "/exit")
        assert get(line) == f"pid {process.pid}"


def test_requests_that_outlast_the_graceful_time_are_counted(tmp_path: Path) -> None:
    with served(tmp_path, "--graceful", "0.1") as (process, line):

        def ask() -> None:
            with suppress(OSError):
                answers.append(get(line, "/slow"))

        answers: list[str] = []
        asking = threading.Thread(target=ask)
        asking.start()
        assert process.stdout.readline() == "slow\n"
        process.send_signal(signal.SIGTERM)
        assert "1 connections to finish" in process.stdout.readline()
        assert process.stdout.readline() == "greenrt: done; 1 requests given up\n"
        asking.join(30)
        assert not answers
        assert process.wait(30) == 0


def test_limits_and_the_log(tmp_path: Path) -> None:
    with served(tmp_path, "--limit", "request_line=100", "--limit", "idle_timeout=none", "--access-log") as (
        process,
        line,
    ):
        assert get(line)
        assert '"GET / HTTP/1.1" 200' in process.stdout.readline()
        with pytest.raises(OSError, match="414"):
            get(line, "/" + "a" * 100)


WATCHED = """
from greenrt import inspect

def app(environ, start_response):
    start_response("200 OK", [])
    return [repr([each.limit for each in inspect.stats().watches]).encode()]
"""


@pytest.mark.parametrize(("variable", "limits"), [("", "[5.0]"), ("0.5", "[0.5]"), ("0", "[]")])
def test_a_watchdog_logs_stalls_unless_it_is_switched_off(
    variable: str, limits: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENRT_WATCHDOG", variable)
    with served(tmp_path, program=WATCHED) as (_, line):
        assert get(line) == limits
