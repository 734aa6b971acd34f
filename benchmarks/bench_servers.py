"""The rates of the runtimes' own servers: connections used once, TLS handshakes and datagrams, on one core.

The main result is the server's processor time for each. Other programs on the machine and the speed of the load
generator change it little. Most of a handshake is OpenSSL's arithmetic, which is the same for all.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.bench_echo import places, processor_seconds
from benchmarks.harness import cc
from benchmarks.harness.model import Area, Effort, Metric, Sample, Target
from benchmarks.harness.units import PER_SECOND, SECONDS

CLIENTS = 100
SHAKING = 8  # native threads of one process
LOAD_SOURCE = Path(__file__).parent / "servers" / "churn.c"


@contextmanager
def running(rival: str, kind: str, core: int) -> Iterator[tuple[int, str]]:
    """Start a server on a core (-1 for any), yield its process id and port, and end it."""
    command = [sys.executable, "-m", "benchmarks.servers.server", rival, kind, str(core)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        if not port:
            sys.exit(f"{rival} ended before it served")
        yield server.pid, port
    finally:
        server.kill()
        server.communicate()


@dataclass(frozen=True, slots=True)
class Taking:
    """One server of a kind and its load generator."""

    name: str
    metrics: tuple[Metric, ...]
    rivals: tuple[str, ...]

    def measure(self, rival: str, effort: Effort) -> Iterator[Sample]:
        server_core, load_core, _ = places()
        if self.name == "handshakes":
            command = [sys.executable, "-m", "benchmarks.servers.handshakes"]
            clients = SHAKING
        else:
            command = [str(cc.program(LOAD_SOURCE)), self.name]
            clients = CLIENTS
        with running(rival, self.name, server_core) as (pid, port):
            used = processor_seconds(pid)
            words = [*command, port, str(clients), "0", str(effort.window), str(load_core)]
            load = subprocess.run(words, capture_output=True, text=True, check=False)
            used = processor_seconds(pid) - used
        if load.returncode:
            sys.exit(load.stderr.strip())
        found = json.loads(load.stdout)
        if not found["exchanges"]:
            sys.exit("the server answered nothing in the measured window")
        processor, rate = self.metrics
        yield Sample(processor.name, used / found["exchanges"], found["exchanges"])
        yield Sample(rate.name, found["exchanges"] / found["seconds"], found["exchanges"])


def taking(kind: str, one: str, *targets: Target, others: tuple[str, ...] = ()) -> Taking:
    """Return the case for one kind of server; `others` are measured besides greenrt and gevent."""
    processor = Metric(f"{kind}-processor", f"processor time for {one}", SECONDS, targets=targets)
    rate = Metric(f"{kind}-rate", f"{kind} a second", PER_SECOND)
    return Taking(kind, (processor, rate), ("greenrt", "gevent", *others))


CASES = (
    taking("connections", "a connection", Target(1.5)),
    taking("handshakes", "a connection with TLS"),
    taking("datagrams", "a datagram", Target(1.0), others=("asyncio Protocol", "uvloop Protocol")),
)


AREA = Area("servers", "Servers of the runtimes, one core", CASES, partial(cc.compile_all, LOAD_SOURCE))

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
