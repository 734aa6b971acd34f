"""Settings that gunicorn's master or its logger implements: greenrt's worker beside gunicorn's own."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from gunicorn.ctl.client import ControlClient
from support.child import environment
from support.gunicorn import WORKER, datagrams, having, until

WORKERS = pytest.mark.parametrize("worker", [WORKER, "sync"], ids=["greenrt", "sync"])

# gunicorn calls setproctitle and PasteDeploy if they are installed; these are stand-ins.
SETPROCTITLE = """
import os

def getproctitle():
    return ""

def setproctitle(title):
    with open(os.environ["TITLES"], "a") as file:
        file.write(title + "\\n")
"""
PASTE = """
import json, os

def loadapp(uri, name=None, relative_to=None, global_conf=None):
    def app(environ, start_response):
        found = {"uri": uri, "global_conf": global_conf, "session": os.getsid(0), "master": os.getppid()}
        body = json.dumps(found).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    return app
"""
CONFIGURATION = """
import os
folder = os.path.dirname(os.path.abspath(__file__))
with open(f"{folder}/phase") as file:
    phase = file.read()

bind = "127.0.0.1:0"
daemon = True
pidfile = f"{folder}/pid"
errorlog = f"{folder}/errors"
loglevel = "debug"
control_socket = f"{folder}/control"
control_socket_mode = 0o640
enable_backlog_metric = True
statsd_host = f"unix://{folder}/statsd"
raw_env = [f"TITLES={folder}/titles"]

if phase == "file":
    proc_name = "mine"
    logconfig = f"{folder}/log.ini"
elif phase == "json":
    logconfig_json = f"{folder}/log.json"
else:
    logconfig_dict = eval(open(f"{folder}/log.py").read())

def pre_exec(server):
    with open(f"{folder}/pre_exec", "w") as file:
        file.write(f"{os.getppid()} {server.proc_name}")
"""
LOGCONFIG = """
[loggers]
keys = root, gunicorn.access

[handlers]
keys = mine

[formatters]
keys = mine

[logger_root]
handlers =

[logger_gunicorn.access]
qualname = gunicorn.access
level = INFO
propagate = 0
handlers = mine

[handler_mine]
class = FileHandler
formatter = mine
args = ("access-file",)

[formatter_mine]
format = file: %(message)s
"""


def dictionary(kind: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "root": {"handlers": []},
        "loggers": {"gunicorn.access": {"level": "INFO", "propagate": False, "handlers": ["mine"]}},
        "handlers": {
            "mine": {"class": "logging.FileHandler", "formatter": "mine", "filename": f"access-{kind}"}
        },
        "formatters": {"mine": {"format": f"{kind}: %(message)s"}},
    }


def text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def ask(port: int) -> Any:
    """Return the JSON of the application's answer."""
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        sock.sendall(b"GET /one HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    return json.loads(body)


def prepare(folder: Path) -> None:
    (folder / "setproctitle.py").write_text(SETPROCTITLE)
    (folder / "paste").mkdir()
    (folder / "paste" / "__init__.py").write_text("")
    (folder / "paste" / "deploy.py").write_text(PASTE)
    (folder / "paste.ini").write_text("")
    (folder / "gunicorn.conf.py").write_text(CONFIGURATION)
    (folder / "log.ini").write_text(LOGCONFIG)
    (folder / "log.json").write_text(json.dumps(dictionary("json")))
    (folder / "log.py").write_text(repr(dictionary("dict")))
    (folder / "phase").write_text("file")


@contextmanager
def daemon(folder: Path, worker: str) -> Iterator[int]:
    """Run gunicorn as a daemon and yield its process id."""
    # gunicorn reads --paste from the command line only.
    paste = ["--paste", "paste.ini#main", "--paste-global", "FOO=1", "--paste-global", "BAR=2"]
    # A script, like an installed gunicorn: a new master runs the same file, which fails with `-m`.
    (folder / "start.py").write_text("from gunicorn.app.wsgiapp import run\nrun()\n")
    command = [sys.executable, "start.py", "-k", worker, *paste]
    variables = environment(TITLES=str(folder / "titles"))
    # The first process ends once the daemon is starting.
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    try:
        yield int(until(lambda: text_of(folder / "pid").strip()))
    finally:
        until(lambda: ended(folder))


def ended(folder: Path) -> bool:
    """Return whether no master is left; a new one renames its file when the old one has ended."""
    found = [pid for name in ("pid", "pid.2") if (pid := text_of(folder / name))]
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGTERM)
    return not found


@WORKERS
def test_daemon_control_socket_names_metrics_and_logs(worker: str, tmp_path: Path) -> None:
    prepare(tmp_path)
    titles = tmp_path / "titles"
    with datagrams(tmp_path / "statsd") as statsd, daemon(tmp_path, worker) as master:
        # daemon, paste and raw_paste_global_conf
        started = re.compile(r"Listening at: http:.*:(\d+) ")
        port = int(until(lambda: started.search(text_of(tmp_path / "errors")))[1])
        found = ask(port)
        assert found["uri"] == f"config:{tmp_path}/paste.ini#main"
        assert found["global_conf"] == {"FOO": "1", "BAR": "2"}
        assert found["master"] == master
        assert found["session"] not in (os.getsid(0), master)
        # proc_name
        until(lambda: {"gunicorn: master [mine]", "gunicorn: worker [mine]"} <= set(lines(titles)))
        # enable_backlog_metric: a histogram, once a second
        assert re.fullmatch(rb"gunicorn\.backlog:[\d.]+\|h", having(statsd, b"backlog"))
        # control_socket and control_socket_mode
        control = tmp_path / "control"
        until(control.exists)
        until(lambda: stat.S_IMODE(control.stat().st_mode) == 0o640)
        with ControlClient(str(control)) as client:
            assert len(client.send_command("show workers")["workers"]) == 1
        assert logged(tmp_path / "access-file", port).startswith("file: ")
        (tmp_path / "phase").write_text("json")
        os.kill(master, signal.SIGHUP)
        assert logged(tmp_path / "access-json", port).startswith("json: ")
        # default_proc_name: without proc_name, the name of the kind of application
        assert f"gunicorn: worker [{tmp_path}/paste.ini]" in lines(titles)
        # pre_exec: before a new master replaces the old one
        (tmp_path / "phase").write_text("dict")
        os.kill(master, signal.SIGUSR2)
        assert until(lambda: text_of(tmp_path / "pre_exec")) == f"{master} {tmp_path}/paste.ini"
        until(lambda: text_of(tmp_path / "pid.2"))
        os.kill(master, signal.SIGTERM)
        assert logged(tmp_path / "access-dict", port).startswith("dict: ")


def lines(path: Path) -> list[str]:
    return text_of(path).splitlines()


def logged(log: Path, port: int) -> str:
    """Send requests until one of them is logged in this file.

    The worker from before the reload may answer some of them.
    """

    def line() -> str:
        ask(port)
        return text_of(log)

    return str(until(line))


REUSING = """
import json, os

def link(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:
        return ""

def app(environ, start_response):
    links = {link(fd) for fd in os.listdir("/proc/self/fd")}
    with open("/proc/self/net/tcp") as file:
        rows = [line.split() for line in file][1:]
    # 0A is the state of a socket that listens.
    own = [row[9] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in links]
    body = json.dumps({"worker": os.getpid(), "listeners": own}).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@WORKERS
def test_reuse_port_and_no_access_log_in_syslog(worker: str, tmp_path: Path) -> None:
    """Each worker has a listening socket of its own; the access log stays in its file."""
    (tmp_path / "program.py").write_text(REUSING)
    with datagrams(tmp_path / "syslog") as syslog, socket.socket() as sock:
        # This socket shares the port, but does not listen: it gets no connection.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        options = ["-k", worker, "-w", "2", "--reuse-port", "--no-control-socket", "-b", f"127.0.0.1:{port}"]
        options += ["--log-syslog", "--log-syslog-to", f"unix://{tmp_path}/syslog#dgram"]
        options += ["--disable-redirect-access-to-syslog", "--access-logfile", "access"]
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "program:app"],
            cwd=tmp_path,
            env=environment(),
            stderr=subprocess.DEVNULL,
        )
        try:
            seen: dict[int, list[str]] = {}

            def both() -> bool:
                with suppress(ConnectionRefusedError):
                    found = ask(port)
                    seen[found["worker"]] = found["listeners"]
                return len(seen) == 2

            until(both)
        finally:
            process.terminate()
            assert process.wait(30) == 0
        having(syslog, b"Shutting down")
        assert not any(b".access" in each for each in syslog)
    assert "GET /one" in (tmp_path / "access").read_text()
    first, second = seen.values()
    assert len(first) == len(second) == 1
    assert first != second


def test_print_config_names_the_worker_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("def app(environ, start_response): pass\n")
    options = ["-k", WORKER, "--print-config", "--backlog", "77"]
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", *options, "program:app"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    shown = dict(re.findall(r"^(\w+) += (.*)$", done.stdout, re.MULTILINE))
    assert shown["backlog"] == "77"
    assert shown["default_proc_name"] == "program:app"
    assert shown["worker_class"] == WORKER
