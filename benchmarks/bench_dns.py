"""The cost of names: 1000 hosts at once, from a server that answers after 20 ms; and hosts that are addresses.

For the first, each measuring process has a network and an /etc/resolv.conf of its own (unshare(2)). So all of them
ask the same server on port 53, including the C library. This needs root or user namespaces; without them the
measurement fails with a message.
"""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from time import perf_counter

from benchmarks.harness.model import Area, Metric, Once, Repeated, Target

SERVER = Path(__file__).parents[1] / "tests" / "support" / "fake_name_server.py"
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40

NUMERIC = Metric("dns.numeric", "numeric host", targets=(Target(0.5, "C library"),))
LOOKUPS = Metric("lookups", "1000 at once", targets=(Target(5.0), Target(1.0, "aiodns")))


def _call(name: str, *args: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*args):
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


@contextmanager
def own_server() -> Iterator[None]:
    """Move this process into namespaces of its own, with a name server on port 53."""
    _call("unshare", CLONE_NEWNS | CLONE_NEWNET | (CLONE_NEWUSER if os.geteuid() else 0))
    _call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
    files = {"resolv.conf": "nameserver 127.0.0.1\n", "hosts": "", "nsswitch.conf": "hosts: files dns\n"}
    with tempfile.TemporaryDirectory() as directory:
        for name, text in files.items():
            path = Path(directory, name)
            path.write_text(text)
            _call("mount", str(path).encode(), f"/etc/{name}".encode(), None, MS_BIND, None)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP | IFF_RUNNING))
        command = [sys.executable, str(SERVER), "127.0.0.1", "53"]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            server.stdout.readline()
            yield
        finally:
            server.kill()
            server.wait()


def names(turn: int, count: int) -> list[str]:
    return [f"slow20.n{turn}-{number}.test" for number in range(count)]


def measured(look_up: Callable[[list[str]], object], count: int) -> dict[str, float]:
    """Return the seconds of the second of two runs."""
    look_up(names(0, count))
    start = perf_counter()
    look_up(names(1, count))
    return {LOOKUPS.name: perf_counter() - start}


def with_greenrt(count: int) -> dict[str, float]:
    import greenrt
    from greenrt.green import socket as green

    def look_up(hosts: list[str]) -> None:
        lets = [
            greenrt.spawn(green.getaddrinfo, host, 80, socket.AF_INET, socket.SOCK_STREAM) for host in hosts
        ]
        greenrt.joinall(lets, raise_error=True)

    with own_server():
        return measured(look_up, count)


def with_gevent(count: int) -> dict[str, float]:
    import gevent
    from gevent import socket as green

    def look_up(hosts: list[str]) -> None:
        lets = [
            gevent.spawn(green.getaddrinfo, host, 80, socket.AF_INET, socket.SOCK_STREAM) for host in hosts
        ]
        gevent.joinall(lets, raise_error=True)

    with own_server():
        return measured(look_up, count)


def with_aiodns(count: int) -> dict[str, float]:
    import asyncio

    import aiodns

    async def run() -> dict[str, float]:
        resolver = aiodns.DNSResolver()
        seconds = 0.0
        for turn in range(2):
            start = perf_counter()
            await asyncio.gather(
                *(resolver.getaddrinfo(host, port=80, family=socket.AF_INET) for host in names(turn, count))
            )
            seconds = perf_counter() - start
        await resolver.close()
        return {LOOKUPS.name: seconds}

    with own_server():
        return asyncio.run(run())


SIDES: Mapping[str, Callable[[int], Mapping[str, float]]] = {
    "greenrt": with_greenrt,
    "gevent": with_gevent,
    "aiodns": with_aiodns,
}


def numeric(function: Callable[..., object]) -> Callable[[int], float]:
    """Return a function that measures getaddrinfo `function` for a host that is an address."""

    def timed(count: int) -> float:
        start = perf_counter()
        for _ in repeat(None, count):
            function("127.0.0.1", 80, 0, socket.SOCK_STREAM)
        return perf_counter() - start

    return timed


def greenrt_numeric(count: int) -> float:
    from greenrt.green import socket as green

    return numeric(green.getaddrinfo)(count)


def gevent_numeric(count: int) -> float:
    from gevent import socket as green

    return numeric(green.getaddrinfo)(count)


NUMERIC_SIDES: Mapping[str, Callable[[int], float]] = {
    "greenrt": greenrt_numeric,
    "gevent": gevent_numeric,
    "C library": numeric(socket.getaddrinfo),
}

AREA = Area(
    "dns",
    "Names",
    (
        Once("dns.getaddrinfo", (LOOKUPS,), SIDES, full=1000, smoke=20),
        Repeated(NUMERIC, NUMERIC_SIDES),
    ),
)

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
