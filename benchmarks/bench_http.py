"""The rate of a WSGI server on one core: short and long answers, kept and new connections, TLS, and many idle ones.

Each server runs with its default checks and limits, and without an access log. A server may have several processes
and threads, so besides the rate, the processor time of all of them for each request is measured.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.bench_echo import LOAD_SOURCE, complaint, places, processor_seconds
from benchmarks.harness import cc
from benchmarks.harness.model import SMOKE, Area, Effort, Metric, Sample, Target
from benchmarks.harness.units import BYTES, PER_SECOND, SECONDS
from benchmarks.http.applications import BODIES

if TYPE_CHECKING:
    import socket
    import ssl

CONNECTIONS = 100
CERTIFICATE = str(Path(__file__).parent / "servers" / "localhost.pem")
# Compiler flags of the load generator for TLS.
TLS = ("-DTLS", "-lssl", "-lcrypto")
# As many as greenrt's limits allow by default, less the connections of the load.
IDLE = 9_500

TARGETS = {
    "hello": (Target(6.0, "gunicorn gevent"), Target(1.6, "uvicorn"), Target(1.0, "granian")),
    "churn": (Target(1.5),),
}
PROCESSOR = Metric("processor", "  processor time for each", SECONDS)
P99 = Metric("p99", "  99th percentile of latency", SECONDS)
P50 = Metric("p50", "median latency", SECONDS, in_table=False)

MEMORY = Metric("memory", "memory of an idle connection", BYTES, targets=(Target(1.0),))
LOADED = Metric("loaded", "  requests a second meanwhile", PER_SECOND)

WSGI, ASGI = "benchmarks.http.applications:wsgi", "benchmarks.http.applications:asgi"
SERVERS: dict[str, list[str]] = {
    "greenrt": ["benchmarks.http.server", "greenrt", "{port}"],
    "gevent": ["benchmarks.http.server", "gevent", "{port}"],
    "gunicorn gevent": ["gunicorn", "-k", "gevent", "-b", "127.0.0.1:{port}", "--log-level", "error", WSGI],
    "uvicorn": [
        *("uvicorn", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error"),
        *("--port", "{port}", ASGI),
    ],
    "granian": ["granian", "--interface", "wsgi", "--no-access-log", "--no-log", "--port", "{port}", WSGI],
    "waitress": ["waitress", "--listen", "127.0.0.1:{port}", WSGI],
}

# The options of each for TLS; waitress has none.
SECURED = {
    "greenrt": [CERTIFICATE],
    "gevent": [CERTIFICATE],
    "gunicorn gevent": ["--certfile", CERTIFICATE, "--keyfile", CERTIFICATE],
    "uvicorn": ["--ssl-certfile", CERTIFICATE, "--ssl-keyfile", CERTIFICATE],
    "granian": ["--ssl-certificate", CERTIFICATE, "--ssl-keyfile", CERTIFICATE],
}

# Options that keep idle connections open until all of them are open.
PATIENT = {
    "gunicorn gevent": ["--keep-alive", "60", "--worker-connections", "20000"],
    "uvicorn": ["--timeout-keep-alive", "60"],
}


def free_port() -> int:
    """Return a port that is not in use at the moment."""
    # Imported here, as in the processes that patch.
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def request(path: str, *fields: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "User-Agent: load/1.0",
        "Accept: */*",
        *fields,
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def ask(sock: "socket.socket", sent: bytes, body: bytes) -> bytes:
    """Send a request; return the whole reply, which ends in `body`."""
    sock.sendall(sent)
    reply = sock.recv(65536)
    while not reply.endswith(b"\r\n\r\n" + body):
        data = sock.recv(65536)
        if not data:
            raise OSError("the reply is incomplete")
        reply += data
    return reply


def any_certificate() -> "ssl.SSLContext":
    """Return a client's context that accepts any certificate."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def first_reply(port: int, sent: bytes, body: bytes, tls: bool = False) -> bytes:
    """Send the request until the server answers; return the whole reply."""
    import socket

    deadline = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as sock:
                if not tls:
                    return ask(sock, sent, body)
                with any_certificate().wrap_socket(sock) as secured:
                    return ask(secured, sent, body)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def family_seconds(pid: int) -> float:
    """Return the processor time of a server and its worker processes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return processor_seconds(pid) + sum(processor_seconds(int(child)) for child in children)


@contextmanager
def running(
    rival: str, core: int, folder: Path, *options: str, tls: bool = False
) -> Iterator[tuple[int, int]]:
    """Start a server on a core and yield its process id and port."""
    port = free_port()
    command = [sys.executable, "-m", *(part.format(port=port) for part in SERVERS[rival]), *options]
    if tls:
        command += SECURED[rival]
    with (folder / "errors").open("w+") as errors:
        pin = (lambda: os.sched_setaffinity(0, {core})) if core >= 0 else None
        server = subprocess.Popen(command, stdout=errors, stderr=errors, preexec_fn=pin)
        try:
            try:
                first_reply(port, request("/hello"), BODIES["/hello"], tls)
            except OSError:
                sys.exit(f"{rival} does not answer: {complaint(errors)}")
            yield server.pid, port
        finally:
            server.terminate()
            server.wait()


def load(
    folder: Path,
    port: int,
    path: str,
    effort: Effort,
    *,
    churn: bool = False,
    tls: bool = False,
) -> dict[str, float]:
    """Run the generator and return its results."""
    sent = request(path, *(["Connection: close"] if churn else []))
    (folder / "request").write_bytes(sent)
    (folder / "reply").write_bytes(first_reply(port, sent, BODIES[path], tls))
    _, core, spin = places()
    arguments = (port, CONNECTIONS, 100, effort.warmup, effort.window, core, int(spin))
    files = (str(folder / "request"), str(folder / "reply"))
    # Not compiled beforehand: without the headers of OpenSSL, only TLS can't be measured.
    generator = cc.compile_program(LOAD_SOURCE, *TLS) if tls else cc.program(LOAD_SOURCE)
    command = [str(generator), *map(str, arguments), *files, str(int(churn))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.strip())
    found: dict[str, float] = json.loads(done.stdout)
    if not found["requests"]:
        sys.exit("the server answered no request in the measured window")
    return found


class Answers:
    """One server and one generator, for the time that the effort says."""

    def __init__(self, name: str, title: str, path: str, *, churn: bool = False, tls: bool = False) -> None:
        self.name = name
        self.path = path
        self.churn = churn
        self.tls = tls
        self.rate = Metric("rate", title, PER_SECOND, targets=TARGETS.get(name, ()))
        self.metrics: tuple[Metric, ...] = (self.rate, PROCESSOR, P99, P50)
        self.rivals: tuple[str, ...] = tuple(SECURED if tls else SERVERS)

    def measure(self, rival: str, effort: Effort) -> Iterator[Sample]:
        with (
            TemporaryDirectory() as name,
            running(rival, places()[0], Path(name), tls=self.tls) as (pid, port),
        ):
            used = family_seconds(pid)
            found = load(Path(name), port, self.path, effort, churn=self.churn, tls=self.tls)
            used = family_seconds(pid) - used
        # `used` includes the warm-up, while the count of requests does not. With TLS, `used` also includes a hundred
        # handshakes, some 5 % of it.
        each = used / (found["rate"] * (found["seconds"] + effort.warmup))
        values = {self.rate: found["rate"], PROCESSOR: each, P99: found["p99"], P50: found["p50"]}
        for metric, value in values.items():
            yield Sample(metric.name, value, int(found["requests"]))


def family_memory(pid: int) -> int:
    """Return the memory of a server and its worker processes, in bytes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in (pid, *children))
    return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Idle:
    """Connections that stay open after one request each, and a load on others."""

    name: str = "idle"
    metrics: tuple[Metric, ...] = (MEMORY, LOADED)
    # waitress accepts only a hundred connections.
    rivals: tuple[str, ...] = tuple(name for name in SERVERS if name != "waitress")

    def measure(self, rival: str, effort: Effort) -> Iterator[Sample]:
        import resource
        import socket

        count = 100 if effort.smoke else IDLE
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if hard < count + 500:
            sys.exit(f"{hard} file descriptors are not enough for {count} connections")
        with (
            TemporaryDirectory() as name,
            running(rival, places()[0], Path(name), *PATIENT.get(rival, ())) as (pid, port),
            ExitStack() as held,
        ):
            load(Path(name), port, "/hello", SMOKE)
            before = family_memory(pid)
            for _ in range(count):
                sock = held.enter_context(socket.create_connection(("127.0.0.1", port), 30))
                ask(sock, request("/hello"), BODIES["/hello"])
            each = (family_memory(pid) - before) / count
            found = load(Path(name), port, "/hello", effort)
        yield Sample(MEMORY.name, each, count)
        yield Sample(LOADED.name, found["rate"], int(found["requests"]))


WORKLOADS = (
    Answers("hello", "requests a second, kept connections", "/hello"),
    Answers("TLS", "requests a second over TLS, kept", "/hello", tls=True),
    Answers("10 kB", "10 kB answers a second", "/10k"),
    Answers("1 MB", "1 MB answers a second", "/1m"),
    Answers("churn", "requests a second, a connection each", "/hello", churn=True),
    Idle(),
)
AREA = Area("http", "HTTP server, 100 connections, one core", WORKLOADS, partial(cc.compile_all, LOAD_SOURCE))

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
