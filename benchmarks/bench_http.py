"""What a WSGI server can serve: a short answer, 100 connections that are kept, one core.

Each server as it comes, with its checks and limits on and its access log off. Since a server may have several
processes and threads, what counts besides the rate is the processor time of all of them for each request.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench_echo import LOAD_SOURCE, complaint, places, processor_seconds
from benchmarks.harness import cc
from benchmarks.harness.model import Area, Effort, Metric, Sample, Target
from benchmarks.harness.units import PER_SECOND, SECONDS

CONNECTIONS = 100
REQUEST = b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: load/1.0\r\nAccept: */*\r\n\r\n"

TARGETS = (Target(6.0, "gunicorn gevent"), Target(1.6, "uvicorn"), Target(1.0, "granian"))
RATE = Metric("rate", "requests a second", PER_SECOND, targets=TARGETS)
PROCESSOR = Metric("processor", "  processor time for each", SECONDS)
P99 = Metric("p99", "  99th percentile of latency", SECONDS)
P50 = Metric("p50", "median latency", SECONDS, in_table=False)

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


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    # Imported here, as in the processes that patch.
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def first_reply(port: int) -> bytes:
    """Ask until the server answers; return the whole reply."""
    import socket

    deadline = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as sock:
                sock.sendall(REQUEST)
                reply = sock.recv(65536)
                while not reply.endswith(b"Hello, World!"):
                    reply += sock.recv(65536)
                return reply
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def family_seconds(pid: int) -> float:
    """Return the processor time of a server and its worker processes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return processor_seconds(pid) + sum(processor_seconds(int(child)) for child in children)


@contextmanager
def running(rival: str, core: int, folder: Path) -> Iterator[tuple[int, int]]:
    """Start a server on a core and yield its process id and port, once it answers."""
    port = free_port()
    command = [sys.executable, "-m", *(part.format(port=port) for part in SERVERS[rival])]
    with (folder / "errors").open("w+") as errors:
        pin = (lambda: os.sched_setaffinity(0, {core})) if core >= 0 else None
        server = subprocess.Popen(command, stdout=errors, stderr=errors, preexec_fn=pin)
        try:
            try:
                (folder / "reply").write_bytes(first_reply(port))
            except OSError:
                sys.exit(f"{rival} doesn't answer: {complaint(errors)}")
            yield server.pid, port
        finally:
            server.terminate()
            server.wait()


@dataclass(frozen=True, slots=True)
class Hello:
    """One server and one generator for as long as the effort says."""

    name: str = "hello"
    metrics: tuple[Metric, ...] = (RATE, PROCESSOR, P99, P50)
    rivals: tuple[str, ...] = tuple(SERVERS)

    def measure(self, rival: str, effort: Effort) -> Iterator[Sample]:
        warmup, seconds = (0.05, 0.1) if effort.smoke else (0.5, 1.5)
        server_core, load_core, spin = places()
        with TemporaryDirectory() as name, running(rival, server_core, Path(name)) as (pid, port):
            folder = Path(name)
            (folder / "request").write_bytes(REQUEST)
            arguments = (port, CONNECTIONS, 100, warmup, seconds, load_core, int(spin))
            files = (str(folder / "request"), str(folder / "reply"))
            command = [str(cc.program(LOAD_SOURCE)), *map(str, arguments), *files]
            used = family_seconds(pid)
            load = subprocess.run(command, capture_output=True, text=True, check=False)
            used = family_seconds(pid) - used
        if load.returncode:
            sys.exit(load.stderr.strip())
        found = json.loads(load.stdout)
        if not found["requests"]:
            sys.exit("the server answered no request in the measured window")
        # The time of the warm-up is in `used`, its requests are not in the count.
        each = used / (found["rate"] * (found["seconds"] + warmup))
        for metric, value in (
            (RATE, found["rate"]),
            (PROCESSOR, each),
            (P99, found["p99"]),
            (P50, found["p50"]),
        ):
            yield Sample(metric.name, value, found["requests"])


def prepare() -> str | None:
    """Compile the load generator; return why that was not possible."""
    try:
        cc.compile_program(LOAD_SOURCE)
    except cc.NoCompiler as error:
        return str(error)
    except subprocess.CalledProcessError as error:
        return f"the C compiler refused: {error.stderr.strip()}"
    return None


AREA = Area("http", "HTTP server, 100 connections kept, one core", (Hello(),), prepare)

if __name__ == "__main__":
    # Imported here: the measuring processes import this module too, and need none of the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
