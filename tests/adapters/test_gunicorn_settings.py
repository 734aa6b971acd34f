"""gunicorn's settings: each has the same effect with greenrt's worker as with gunicorn's own, or is refused."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config, make_settings
from support.child import environment
from support.gunicorn import WORKER, gunicorn

from greenrt.adapters.gunicorn import REFUSED, UNLIMITED, Worker, limits_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "gunicorn.md"
WORKERS = pytest.mark.parametrize("worker", [WORKER, "sync"], ids=["greenrt", "sync"])

PROGRAM = """
import json, os, sys

def app(environ, start_response):
    if environ["PATH_INFO"] == "/file":
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    keys = "wsgi.url_scheme RAW_URI SCRIPT_NAME PATH_INFO wsgi.multiprocess"
    found = {key: environ[key] for key in keys.split()}
    found["variable"] = os.environ.get("VARIABLE")
    found["folder"] = os.getcwd()
    found["module path"] = sys.path[0]
    found["socket"] = environ["gunicorn.socket"].fileno() > 0
    body = json.dumps(found).encode()
    start_response("200 OK", [("X-Mine", "yes"), ("Content-Length", str(len(body)))])
    return [body]
"""

CONFIGURATION = """
raw_env = ["VARIABLE=value", "SCRIPT_NAME=/prefix"]
pythonpath = "mine"
workers = 2
accesslog = "access"
access_log_format = '%(m)s %(U)s?%(q)s %(H)s %(s)s %(B)s "%(f)s" "%(a)s" %(u)s %({x-in}i)s %({x-mine}o)s'
capture_output = False

def note(*what):
    with open("hooks", "a") as file:
        file.write(" ".join(map(str, what)) + "\\n")

def post_fork(server, worker):
    note("post_fork")

def post_worker_init(worker):
    note("post_worker_init")

def pre_request(worker, req):
    headers = dict(req.headers)
    note("pre_request", req.method, req.uri, req.path, req.query, req.version, headers.get("X-IN"))
    if req.path.endswith("/stop"):
        raise ZeroDivisionError("pre_request says no")

def post_request(worker, req, environ, resp):
    note("post_request", req.method, req.uri, repr(environ.get("PATH_INFO")), resp and resp.status)
    raise ValueError("post_request")

def worker_int(worker):
    note("worker_int")

def worker_exit(server, worker):
    note("worker_exit")
"""


def ask(url: str, text: str) -> bytes:
    """Send a request and return the whole response."""
    if url.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(url[5:])
    else:
        host, _, port = url.partition("://")[2].rpartition(":")
        sock = socket.create_connection((host, int(port)), 30)
    with sock:
        sock.settimeout(30)
        sock.sendall(text.encode("latin-1"))
        return b"".join(iter(lambda: sock.recv(65536), b""))


def request(path: str, *fields: str, method: str = "GET") -> str:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *fields, "", ""])


def found(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def lines_of(path: Path, count: int) -> list[str]:
    """Wait until a file has `count` lines."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        if len(lines) >= count:
            return lines
        time.sleep(0.01)
    raise AssertionError(lines)


def test_the_document_has_each_setting_once() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (honoured|refused|not applicable)\b", DOCUMENT.read_text(), re.MULTILINE
    )
    names = [name for name, _ in rows]
    assert len(names) == len(set(names))
    assert set(names) >= set(make_settings())
    assert {name for name, state in rows if state == "refused"} == set(REFUSED)


def test_each_honoured_setting_is_named_by_a_test() -> None:
    rows = re.findall(r"^\| `(\w+)` \| honoured", DOCUMENT.read_text(), re.MULTILINE)
    texts = [path.read_text() for path in Path(__file__).parent.glob("test_gunicorn*.py")]
    tests = "".join(texts).replace("-", "_")
    assert not {name for name in rows if not re.search(rf"(?:__(?:no_)?|\b){name}\b", tests)}


@WORKERS
def test_environ_access_log_and_hooks(worker: str, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(CONFIGURATION)
    with gunicorn(tmp_path, PROGRAM, worker=worker) as (process, url):
        answer = ask(url, request("/prefix/a%0ab?q=1", "X-In: in", "Referer: r", "Authorization: Basic dTpw"))
        assert found(answer) == {
            "wsgi.url_scheme": "http",
            "RAW_URI": "/prefix/a%0ab?q=1",
            "SCRIPT_NAME": "/prefix",
            "PATH_INFO": "/a\nb",
            "wsgi.multiprocess": True,
            "variable": "value",
            "folder": str(tmp_path),
            "module path": str(tmp_path / "mine"),
            "socket": True,
        }
        size = len(answer.partition(b"\r\n\r\n")[2])
        path = "/a\\x0ab" if worker == WORKER else "/a\nb"
        expected = f'GET {path}?q=1 HTTP/1.1 200 {size} "r" "-" u in yes'
        access = tmp_path / "access"
        lines_of(access, 1)
        assert access.read_text() == expected + "\n"
        assert b" 500 " in ask(url, request("/prefix/stop"))
        asked = hooks_of(tmp_path, "request", 4)
        assert asked[:2] == [
            "pre_request GET /prefix/a%0ab?q=1 /prefix/a%0ab q=1 (1, 1) in",
            "post_request GET /prefix/a%0ab?q=1 '/a\\nb' 200 OK",
        ]
        assert asked[2:3] == ["pre_request GET /prefix/stop /prefix/stop  (1, 1) None"]
        # gunicorn has no environ yet; its hook still runs.
        assert asked[3].startswith("post_request GET /prefix/stop ")
        for hook in ("post_fork", "post_worker_init"):
            assert hooks_of(tmp_path, hook, 2) == [hook] * 2
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    for hook in ("worker_int", "worker_exit"):
        assert hooks_of(tmp_path, hook, 2) == [hook] * 2


def hooks_of(folder: Path, name: str, count: int) -> list[str]:
    """Wait for `count` lines of the hooks that contain this name."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        found = [line for line in lines_of(folder / "hooks", 1) if name in line.partition(" ")[0]]
        if len(found) >= count:
            return found
        time.sleep(0.01)
    raise AssertionError(found)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a\x85b", "a\u2028b"])
def test_no_entry_of_the_access_log_can_be_forged(name: str, tmp_path: Path) -> None:
    import base64

    credentials = base64.b64encode(f"{name}:p".encode()).decode()
    with gunicorn(tmp_path, PROGRAM, "--access-logfile", "access") as (_, url):
        ask(url, request("/", f"Authorization: Basic {credentials}", 'User-Agent: a\x85\x9b"b'))
        (line,) = lines_of(tmp_path / "access", 1)
        assert line.isprintable()
        assert len(line.splitlines()) == 1
        assert '\\"b"' in line


def test_refused_requests_are_in_the_access_log(tmp_path: Path) -> None:
    with gunicorn(tmp_path, PROGRAM, "--access-logfile", "access") as (_, url):
        assert b" 400 " in ask(url, request("/", "a b: c"))
        assert b" 417 " in ask(url, request("/p?q", "Expect: a miracle"))
        first, second = lines_of(tmp_path / "access", 2)
        assert first.startswith("127.0.0.1 - - [")
        assert '] "- - -" 400 16 "' in first
        assert '] "GET /p?q HTTP/1.1" 417 23 "' in second


# In gunicorn's own workers, `info` and `exception` may not raise: they end the worker.
RAISING = """
from gunicorn.glogging import Logger

class Raising(Logger):
    def access(self, *args):
        raise ZeroDivisionError("access")

class RaisingAlways(Raising):
    def info(self, message, *args, **others):
        if "Autorestarting" in message:
            raise ZeroDivisionError("info")
        super().info(message, *args, **others)

    def exception(self, *args, **others):
        raise ZeroDivisionError("exception")

def post_request(worker, req, environ, resp):
    with open("hooks", "a") as file:
        file.write(f"post_request {worker.pid} {resp.status}\\n")
    raise ZeroDivisionError("post_request")

accesslog = "access"
max_requests = 2
logger_class = %s
"""


@pytest.mark.parametrize(
    ("worker", "kind"),
    [("sync", "Raising"), (WORKER, "Raising"), (WORKER, "RaisingAlways")],
    ids=["sync", "greenrt", "greenrt, always"],
)
def test_a_logger_that_raises_changes_nothing_else(worker: str, kind: str, tmp_path: Path) -> None:
    """Requests are answered, post_request is called, and max_requests replaces the worker."""
    (tmp_path / "gunicorn.conf.py").write_text(RAISING % kind)
    with gunicorn(tmp_path, PROGRAM, worker=worker) as (_, url):
        workers: list[str] = []
        # The ending worker may still answer requests that arrived meanwhile.
        while len(set(workers)) < 2:
            assert ask(url, request("/")).startswith(b"HTTP/1.1 200 ")
            _, worker_id, status = hooks_of(tmp_path, "post_request", len(workers) + 1)[-1].split(" ", 2)
            assert status == "200 OK"
            workers.append(worker_id)
        assert len(workers) > 2


@WORKERS
def test_the_scheme_that_a_trusted_proxy_says(worker: str, tmp_path: Path) -> None:
    with gunicorn(tmp_path, PROGRAM, worker=worker) as (_, url):
        assert found(ask(url, request("/", "X-Forwarded-Proto: https")))["wsgi.url_scheme"] == "https"
        assert found(ask(url, request("/", "X-Forwarded-Proto: http")))["wsgi.url_scheme"] == "http"
        assert b" 400 " in ask(url, request("/", "X-Forwarded-Proto: https", "X-Forwarded-Ssl: off"))
    with gunicorn(tmp_path, PROGRAM, "--forwarded-allow-ips", "10.0.0.0/8", worker=worker) as (_, url):
        assert found(ask(url, request("/", "X-Forwarded-Proto: https")))["wsgi.url_scheme"] == "http"
    with gunicorn(
        tmp_path, PROGRAM, "--forwarded-allow-ips", "10.0.0.1", worker=worker, bind=f"unix:{tmp_path}/s"
    ) as (_, url):
        assert found(ask(url, request("/", "X-Forwarded-Proto: https")))["wsgi.url_scheme"] == "https"


LIMITS = [
    ("--limit-request-line", "100", request("/" + "a" * 70), request("/" + "a" * 100), b" 414 "),
    ("--limit-request-fields", "5", request("/", *["X: y"] * 3), request("/", *["X: y"] * 4), b" 431 "),
    (
        "--limit-request-field_size",
        "100",
        request("/", "X: " + "y" * 80),
        request("/", "X: " + "y" * 100),
        b" 431 ",
    ),
    # 60 kB in all.
    (
        "--limit-request-fields",
        "200",
        request("/", *["X: " + "y" * 500] * 120),
        request("/", *["X: y"] * 200),
        b" 431 ",
    ),
]


@WORKERS
def test_limits(worker: str, tmp_path: Path) -> None:
    for option, value, good, bad, status in LIMITS:
        with gunicorn(tmp_path, PROGRAM, option, value, worker=worker) as (_, url):
            assert ask(url, good).startswith(b"HTTP/1.1 200 "), (option, value)
            assert status in ask(url, bad)[:20], (option, value)


def test_no_limits_where_gunicorn_documents_0_as_unlimited(tmp_path: Path) -> None:
    none = ["--limit-request-line", "0", "--limit-request-fields", "0", "--limit-request-field_size", "0"]
    with gunicorn(tmp_path, PROGRAM, *none) as (_, url):
        long = request("/" + "a" * 100_000, "X: " + "y" * 100_000, *["X: y"] * 2000)
        assert ask(url, long).startswith(b"HTTP/1.1 200 ")


def test_limits_of_settings() -> None:
    cfg = Config()
    for keepalive in (0, 1, 75):
        cfg.set("keepalive", keepalive)
        limits = limits_of(cfg)
        # Silent clients are never kept forever.
        assert limits.idle_timeout is not None
        assert limits.requests == (None if keepalive else 1)
    assert limits.head == 4094 + 100 * 8192 + 4
    cfg.set("limit_request_line", 100_000)
    assert limits_of(cfg).request_line == 8190
    for name in ("limit_request_line", "limit_request_fields", "limit_request_field_size"):
        cfg.set(name, 0)
    limits = limits_of(cfg)
    assert (limits.request_line, limits.field, limits.head, limits.fields) == (
        UNLIMITED,
        UNLIMITED,
        UNLIMITED,
        32768,
    )


@WORKERS
def test_sendfile_can_be_switched_off(worker: str, tmp_path: Path) -> None:
    with gunicorn(tmp_path, PROGRAM, "--no-sendfile", worker=worker) as (_, url):
        assert ask(url, request("/file")).find(PROGRAM.encode()) > 0


WRONG = {
    "casefold_http_method": True,
    "forwarder_headers": "SCRIPT_NAME,REMOTE_USER",
    "header_map": "dangerous",
    "http2_cleartext": "prior-knowledge",
    "http_protocols": "h1,h2",
    "permit_obsolete_folding": True,
    "permit_unconventional_http_version": True,
    "protocol": "uwsgi",
    "proxy_protocol": "v1",
    "strip_header_spaces": True,
    "suppress_ragged_eofs": False,
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_would_have_no_effect_is_refused(name: str) -> None:
    cfg = Config()
    Worker.check_config(cfg, None)
    if name not in cfg.settings:
        pytest.skip(f"this gunicorn has no setting {name}")
    # This bypasses gunicorn's own checks, which may refuse the value on this machine.
    cfg.settings[name] = SimpleNamespace(get=lambda: WRONG[name])
    with pytest.raises(RuntimeError, match=f"^{name} = .* has no effect"):
        Worker.check_config(cfg, None)


def test_gunicorn_shows_what_is_refused(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-k",
        WORKER,
        "-b",
        "127.0.0.1:0",
        "--proxy-protocol=v1",
        "program:app",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "Error: proxy_protocol = " in done.stderr
    assert "Traceback" not in done.stderr


def test_worker_connections_and_user_settings_reach_the_process(tmp_path: Path) -> None:
    """A connection beyond the limit waits in the kernel until another one ends."""
    with gunicorn(tmp_path, PROGRAM, "--worker-connections", "1", "--umask", "0o077") as (_, url):
        host, _, port = url.partition("://")[2].rpartition(":")
        with socket.create_connection((host, int(port)), 30):
            with socket.create_connection((host, int(port)), 30) as second:
                second.sendall(request("/").encode())
                second.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    second.recv(100)
                second.settimeout(30)
                # The first connection is closed because it was idle for the time of keepalive, 2 s.
                assert second.recv(100).startswith(b"HTTP/1.1 200 ")
    assert os.path.exists(tmp_path / "program.py")
