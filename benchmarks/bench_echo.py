"""The rate of an echo server in blocking style: 100 connections, messages of 1 KB, one core.

The load generator is a C program on a core of its own. A bare C server shows the upper limit, and that the generator
does not limit the others.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from time import perf_counter
from typing import IO, Any

from benchmarks.echo.server import SERVERS
from benchmarks.harness import cc
from benchmarks.harness.machine import cores
from benchmarks.harness.model import Area, Effort, Medians, Metric, Sample, Target
from benchmarks.harness.units import PER_SECOND, SECONDS, SHARE

CONNECTIONS = 100
SIZE = 1024
CEILING = "C epoll"
LOAD_SOURCE = Path(__file__).parent / "echo" / "loadgen.c"
SERVER_SOURCE = Path(__file__).parent / "echo" / "epoll_server.c"

RATE = Metric(
    "rate",
    "requests a second",
    PER_SECOND,
    targets=(Target(1.75), Target(1.3, "uvloop"), Target(0.95, "uvloop Protocol")),
)
P99 = Metric("p99", "  99th percentile of latency", SECONDS)
P50 = Metric("p50", "median latency", SECONDS, in_table=False)
SERVER_BUSY = Metric("server-busy", "share of its core the server used", SHARE, in_table=False)
LOAD_IDLE = Metric("generator-idle", "share of its time the generator was idle", SHARE, in_table=False)

# Below this share, the server waited for something other than its own core.
SATURATED = 0.9


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its process id and port, and the file with its errors."""

    pid: int
    port: int
    errors: IO[str]


def complaint(errors: IO[str]) -> str:
    """Return the last line that a server wrote to stderr, which names its error."""
    errors.seek(0)
    lines = errors.read().split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no error shown")


@contextmanager
def running(rival: str, core: int) -> Iterator[Server]:
    """Start one server on a core (-1 for any), yield it and end it."""
    if rival == CEILING:
        command = [str(cc.program(SERVER_SOURCE)), str(core)]
    else:
        command = [sys.executable, "-m", "benchmarks.echo.server", rival, str(core)]
    # A file is used because a full pipe, which is not read while the server runs, would stop the server.
    with TemporaryFile("w+") as errors:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            if not line.strip().isdigit():
                sys.exit(f"the server ended before it served: {complaint(errors)}")
            yield Server(server.pid, int(line), errors)
        finally:
            server.kill()
            server.wait()


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process, in its own code and in the kernel's."""
    # The name, in parentheses, may contain spaces; utime and stime are the 12th and 13th fields after it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Echo:
    """One server and one generator, for the time that the effort says."""

    name: str = "echo"
    metrics: tuple[Metric, ...] = (RATE, P99, P50, SERVER_BUSY, LOAD_IDLE)
    rivals: tuple[str, ...] = (*SERVERS, CEILING)

    def measure(self, rival: str, effort: Effort) -> Iterator[Sample]:
        server_core, load_core, spin = places()
        with running(rival, server_core) as server:
            arguments = (server.port, CONNECTIONS, SIZE, effort.warmup, effort.window, load_core, int(spin))
            command = [str(cc.program(LOAD_SOURCE)), *map(str, arguments)]
            used, began = processor_seconds(server.pid), perf_counter()
            load = subprocess.run(command, capture_output=True, text=True, check=False)
            busy = (processor_seconds(server.pid) - used) / (perf_counter() - began)
            if load.returncode:
                sys.exit(f"{load.stderr.strip()}; the server: {complaint(server.errors)}")
        found: dict[str, Any] = json.loads(load.stdout)
        if not found["requests"]:
            sys.exit("the server answered no request in the measured window")
        values = {RATE: found["rate"], P99: found["p99"], P50: found["p50"]}
        values |= {SERVER_BUSY: busy, LOAD_IDLE: found["idle"]}
        for metric, value in values.items():
            yield Sample(metric.name, value, found["requests"])


def places() -> tuple[int, int, bool]:
    """Return the server's core, the generator's core, and whether the generator may spin."""
    available = cores()
    return (available[0], available[-1], True) if len(available) > 1 else (-1, -1, False)


def remarks(medians: Medians, smoke: bool) -> list[str]:
    """Return whether the generator, rather than a server, may have limited the rates."""
    if RATE.name not in medians:
        return []
    found = []
    if not places()[2]:
        found.append("one core only: servers and generator shared it, so these rates are of the pair")
    rates = dict(medians[RATE.name])
    ceiling = rates.pop(CEILING, None)
    if rates:
        fastest = max(rates, key=lambda name: rates[name])
        rest = medians[LOAD_IDLE.name].get(fastest, 0.0)
        text = f"generator idle {rest:.0%} of the time against {fastest}, the fastest server in Python"
        if ceiling is not None:
            text += f"; it drew {ceiling / rates[fastest]:.2f} times as much from the C server"
        found.append(text)
    for name in rates:
        share = medians[SERVER_BUSY.name].get(name)
        if share is not None and share < SATURATED and not smoke:
            found.append(f"{name} used only {share:.0%} of its core")
    return found


AREA = Area(
    "echo",
    "Echo server, 100 connections, 1 KB, one core",
    (Echo(),),
    partial(cc.compile_all, LOAD_SOURCE, SERVER_SOURCE),
    remarks,
)

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
