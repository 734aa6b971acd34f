"""The effects of gunicorn's settings on a worker's process, logs and stop: greenrt's worker beside gunicorn's own."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.child import environment
from support.gunicorn import WORKER, datagrams, gunicorn, having, until
from support.tls import CERTIFICATE

WORKERS = pytest.mark.parametrize("worker", [WORKER, "sync"], ids=["greenrt", "sync"])
CONFIGURATION = """
import os
folder = os.path.dirname(os.path.abspath(__file__))
bind = f"unix:{folder}/socket"
control_socket_disable = True
chdir = f"{folder}/inner"
pidfile = f"{folder}/pid"
worker_tmp_dir = folder
umask = 0o027
user, group, initgroups = os.getuid(), os.getgid(), False
wsgi_app = "program:app"
preload_app = False
backlog = 16
timeout = 1
graceful_timeout = 1
errorlog = f"{folder}/errors"
loglevel = "debug"
capture_output = True
enable_stdio_inheritance = True
secure_scheme_headers = {"X-MINE": "tls"}
statsd_host = f"unix://{folder}/statsd"
statsd_prefix = "mine"
dogstatsd_tags = "a:b"
syslog = True
syslog_addr = f"unix://{folder}/syslog#dgram"
syslog_prefix = "prefix"
syslog_facility = "local3"

def noting(name, count):
    def note(*args):
        with open(f"{folder}/hooks", "a") as file:
            file.write(f"{name}\\n")
    # gunicorn compares the number of positional arguments.
    names = ", ".join("abcd"[:count])
    return eval(f"lambda {names}: note({names})", {"note": note})

for name, count in {"on_starting": 1, "when_ready": 1, "pre_fork": 2, "on_reload": 1, "worker_abort": 1,
                    "child_exit": 2, "nworkers_changed": 3, "on_exit": 1}.items():
    globals()[name] = noting(name, count)
"""

PROGRAM = """
import os, time

def app(environ, start_response):
    if environ["PATH_INFO"] == "/stuck":
        while True:
            pass
    if environ["PATH_INFO"] == "/slow":
        time.sleep(20)
    print("printed by the application", flush=True)
    start_response("200 OK", [])
    return [f"{os.getuid()} {os.getgid()} {os.getcwd()} {environ['wsgi.url_scheme']}".encode()]
"""


def ask(path: str, target: str, field: str = "X: y") -> bytes:
    """Send a request and return the whole response."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(path)
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{field}\r\n\r\n".encode())
        try:
            return b"".join(iter(lambda: sock.recv(65536), b""))
        except ConnectionError:
            return b""


@WORKERS
def test_logs_process_hooks_and_end(worker: str, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "program.py").write_text(PROGRAM)
    (tmp_path / "gunicorn.conf.py").write_text(CONFIGURATION)
    path, hooks = str(tmp_path / "socket"), tmp_path / "hooks"

    def called(name: str) -> int:
        return hooks.read_text().split().count(name) if hooks.exists() else 0

    command = [sys.executable, "-m", "gunicorn", "--worker-class", worker]
    with datagrams(tmp_path / "statsd") as statsd, datagrams(tmp_path / "syslog") as syslog:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment())
        try:
            until(lambda: called("when_ready"))
            assert int((tmp_path / "pid").read_text()) == process.pid
            # gunicorn's umask is for the files of Unix sockets.
            assert os.stat(path).st_mode & 0o777 == 0o750
            expected = f"{os.getuid()} {os.getgid()} {tmp_path}/inner"
            assert f"{expected} https".encode() in ask(path, "/one", "X-Mine: tls")
            assert f"{expected} http".encode() in ask(path, "/one", "X-Forwarded-Proto: https")
            assert having(statsd, b"requests").startswith(b"mine.gunicorn.requests:1")
            assert having(statsd, b"status.200").endswith(b"|#a:b")
            # local3 is 19, and 19 * 8 + 6 is its "info".
            access = having(syslog, b"gunicorn.prefix.access")
            assert access.startswith(b"<158>"), access
            assert b"GET /one" in access
            errors = tmp_path / "errors"
            until(lambda: "printed by the application" in errors.read_text())
            assert "[DEBUG]" in errors.read_text()
            # gunicorn kills the worker at its time limit, and the next one answers.
            assert b" 200 " not in ask(path, "/stuck")
            until(lambda: called("worker_abort") and called("child_exit"))
            assert f"{expected} http".encode() in ask(path, "/one")
            process.send_signal(signal.SIGHUP)
            until(lambda: called("on_reload") and called("child_exit") > 1)
            assert f"{expected} http".encode() in ask(path, "/one")
            with socket.socket(socket.AF_UNIX) as slow:
                slow.connect(path)
                slow.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
                time.sleep(0.2)
                process.terminate()
                # graceful_timeout is far shorter than the request.
                assert process.wait(15) == 0
        finally:
            process.kill()
            process.wait()
    assert called("on_starting") == called("when_ready") == called("on_exit") == 1
    assert called("pre_fork") >= 3
    assert called("nworkers_changed") >= 1
    assert not (tmp_path / "pid").exists()


SECURE = """
import ssl
from gunicorn.glogging import Logger

certfile, keyfile = "certificate", "key"
ciphers = "AES256-GCM-SHA384"
reload, reload_engine, reload_extra_files = True, "poll", ["extra"]
max_requests, max_requests_jitter = 1000, 5

def ssl_context(conf, default_ssl_context_factory):
    context = default_ssl_context_factory()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context

class Mine(Logger):
    def access(self, resp, req, environ, request_time):
        with open("access", "a") as file:
            file.write(f"{resp.status} {req.path} {environ['wsgi.url_scheme']}\\n")

logger_class = Mine

def post_worker_init(worker):
    with open("most", "a") as file:
        file.write(f"{worker.max_requests}\\n")
"""


@WORKERS
def test_tls_logger_class_and_extra_files(worker: str, tmp_path: Path) -> None:
    pem = CERTIFICATE.read_text()
    for name, kind in (("certificate", "CERTIFICATE"), ("key", "PRIVATE KEY")):
        found = re.search(rf"-----BEGIN [A-Z ]*{kind}-----.*?-----END [A-Z ]*{kind}-----\n", pem, re.DOTALL)
        assert found
        (tmp_path / name).write_text(found[0])
    (tmp_path / "extra").write_text("")
    (tmp_path / "gunicorn.conf.py").write_text(SECURE)
    client = ssl.create_default_context(cafile=str(CERTIFICATE))
    client.set_ciphers("ALL")
    with gunicorn(tmp_path, PROGRAM, worker=worker) as (_, url):
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 30) as plain:
            with client.wrap_socket(plain, server_hostname="localhost") as sock:
                sock.sendall(b"GET /one HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
                cipher = sock.cipher()
        assert cipher is not None
        assert cipher[:2] == ("AES256-GCM-SHA384", "TLSv1.2")
        access, most = tmp_path / "access", tmp_path / "most"
        assert until(lambda: access.exists() and access.read_text()) == "200 OK /one https\n"
        # The poller compares times of whole seconds.
        os.utime(tmp_path / "extra", (1, time.time() + 5))
        until(lambda: len(most.read_text().split()) > 1)
    assert all(1000 <= int(number) <= 1005 for number in most.read_text().split())


@WORKERS
def test_statsd_counts_requests_without_an_access_log(worker: str, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with datagrams(tmp_path / "statsd") as statsd:
        options = ["--statsd-host", f"unix://{tmp_path}/statsd"]
        with gunicorn(tmp_path, PROGRAM, *options, worker=worker, bind=f"unix:{path}"):
            assert b" 200 " in ask(path, "/one")
            assert having(statsd, b"requests").startswith(b"gunicorn.requests:1|c")
            assert having(statsd, b"request.duration")
            assert having(statsd, b"status.200")
