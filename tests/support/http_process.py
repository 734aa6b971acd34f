"""A WSGI server in a process of its own, which tests measure, signal and starve."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.child import environment

__all__ = ["memory", "processor_seconds", "serving_process"]

SCRIPT = """
import logging, resource, signal, sys
from support.tls import CERTIFICATE
from greenrt.serve import Limits, WSGIServer

fds, tls, limits, pause = int(sys.argv[1]), sys.argv[2] == "True", eval(sys.argv[3]), float(sys.argv[4])
if fds:
    resource.setrlimit(resource.RLIMIT_NOFILE, (fds, fds))
LARGE = b"x" * 4_000_000

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/read":
        while environ["wsgi.input"].read(1000):
            pass
    start_response("200 OK", [])
    return [LARGE if path == "/large" else b"hello"]

server = WSGIServer(
    ("127.0.0.1", 0), app, 2000, limits=Limits(**limits), certfile=CERTIFICATE if tls else None
)
if pause >= 0:
    logging.disable()
    server.min_delay = server.max_delay = pause
server.start()
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def serving_process(
    *, fds: int = 0, tls: bool = False, pause: float = -1, **limits: Any
) -> Iterator[tuple[int, int]]:
    """Run a server with these limits and so many fds; yield its process id and port.

    `pause`: seconds to wait after an accept that failed because no fd was free (-1: the server's default).
    """
    command = [sys.executable, "-c", SCRIPT, str(fds), str(tls), repr(limits), str(pause)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


def memory(pid: int) -> int:
    """Return the private memory of a process, in bytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel says nothing of its memory")


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
