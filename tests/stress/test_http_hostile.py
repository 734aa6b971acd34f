"""Clients that would have the server wait, hold or spin. Figures are printed; the bounds allow for a busy machine."""

import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support.good_client import ask, good_client
from support.http_process import memory, processor_seconds, serving_process
from support.wsgi import request

from .conftest import Campaign

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(300)]

# What the slow ones may take.
PATIENCE = {"head_timeout": 2.0, "idle_timeout": 2.0, "body_timeout": 2.0, "write_timeout": 2.0}
FOREVER = dict.fromkeys(PATIENCE, 600.0)

fields = b"".join(b"X-%d: %b\r\n" % (number, b"y" * 8000) for number in range(3))
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100
# What is sent and then waited with, and whether the server speaks TLS.
ATTACKS: dict[str, tuple[bytes, bool]] = {
    "nothing": (b"", False),
    "a part of a head": (b"GET / HTTP/1.1\r\nHost: a\r\nX: y", False),
    "a head near all limits": (b"GET /" + b"a" * 8000 + b" HTTP/1.1\r\nHost: a\r\n" + fields, False),
    "a part of a body": (
        request("Content-Length: 1000000", line="POST /read HTTP/1.1") + b"x" * 30000,
        False,
    ),
    "a small part of a body": (request("Content-Length: 9999", line="POST /read HTTP/1.1"), False),
    "a part of a chunk": (
        request("Transfer-Encoding: chunked", line="POST /read HTTP/1.1") + b"5\r\nhello\r\n3;" + b"a" * 200,
        False,
    ),
    "trailers without an end": (
        request("Transfer-Encoding: chunked", line="POST /read HTTP/1.1") + b"0\r\n" + b"a: b\r\n" * 1000,
        False,
    ),
    "a response that is not read": (request(line="GET /large HTTP/1.1"), False),
    "requests whose responses are not read": (request(line="GET /large HTTP/1.1", close=False) * 500, False),
    "a TLS connection of which nothing comes": (b"", True),
    "a part of a TLS handshake": (HELLO, True),
}


# Those that would go on for ever, and what each says from time to time to seem alive.
SLOW: dict[str, tuple[str, bytes]] = {
    "idle": ("nothing", b""),
    "a head in drops": ("a part of a head", b"y"),
    "a body in drops": ("a small part of a body", b"z"),
    "chunks in drops": ("a part of a chunk", b"a"),
    "a slow reader": ("a response that is not read", b""),
    "a stalled handshake": ("a part of a TLS handshake", b""),
    "a handshake in drops": ("a part of a TLS handshake", b"\0"),
}


def attackers(port: int, sent: bytes, count: int) -> list[socket.socket]:
    """Connect and send without waiting for anything."""
    found = []
    for _ in range(count):
        sock = socket.socket()
        # Else the kernel takes in the whole response in the client's place.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", port))
        sock.setblocking(False)
        if sent:
            sock.send(sent)
        found.append(sock)
    return found


@contextmanager
def attacking(port: int, sent: bytes, count: int) -> Iterator[list[socket.socket]]:
    found = attackers(port, sent, count)
    try:
        yield found
    finally:
        for sock in found:
            sock.close()


def wait_until_steady(look: Callable[[], int]) -> int:
    """Return what is seen once it doesn't change any more."""
    before = look()
    while True:
        time.sleep(0.3)
        now = look()
        if abs(now - before) < 100_000:
            return now
        before = now


@pytest.mark.parametrize("name", ATTACKS)
def test_memory_of_a_hostile_connection(campaign: Campaign, name: str) -> None:
    sent, tls = ATTACKS[name]
    with serving_process(tls=tls, **FOREVER) as (pid, port):
        for _ in range(20):
            ask(port, tls)
        before = wait_until_steady(lambda: memory(pid))
        with attacking(port, sent, 500):
            each = (wait_until_steady(lambda: memory(pid)) - before) / 500
            campaign.report(f"{each / 1024:.1f} KiB")
            assert each <= 64 * 1024
            ask(port, tls)


def ends(socks: list[socket.socket], drop: bytes) -> list[float]:
    """Wait until the server has ended them all, and return the seconds each took; send a drop now and then."""
    began = time.monotonic()
    found: list[float] = []
    left = {sock.fileno(): sock for sock in socks}
    with select.epoll() as epoll:
        for fd in left:
            # The end of what comes, or a reset, is told without reading.
            epoll.register(fd, select.EPOLLRDHUP)
        while left and time.monotonic() - began < 60:
            for fd, _ in epoll.poll(0.3, 10_000):
                epoll.unregister(fd)
                del left[fd]
                found.append(time.monotonic() - began)
            for sock in left.values() if drop else ():
                try:
                    sock.send(drop)
                except OSError:
                    pass
    assert not left, f"{len(left)} connections are still open"
    return found


@pytest.mark.parametrize("name", SLOW)
def test_slow_clients_are_closed_and_good_ones_served(campaign: Campaign, name: str) -> None:
    attack, drop = SLOW[name]
    sent, tls = ATTACKS[attack]
    with serving_process(tls=tls, **PATIENCE) as (_, port):
        ask(port, tls)
        with good_client(port, tls) as taken, attacking(port, sent, 2000) as socks:
            slowest = max(ends(socks, drop))
    campaign.report(
        f"2000 closed within {slowest:.2f} s for a limit of 2 s; {len(taken)} good answers in "
        f"{taken[len(taken) // 2] * 1000:.1f} ms, 99 % in {taken[len(taken) * 99 // 100] * 1000:.1f} ms, "
        f"at most {taken[-1] * 1000:.1f} ms"
    )
    assert slowest < 20
    # Some ms on a quiet machine.
    assert taken[len(taken) // 2] < 2


def without_fds(pause: float) -> tuple[float, float]:
    """Return the processor time (seconds) that 2 s without fds take, and after how long the server serves again."""
    with serving_process(fds=64, pause=pause, **FOREVER) as (pid, port):
        with attacking(port, b"", 300):
            time.sleep(0.5)
            used = processor_seconds(pid)
            time.sleep(2)
            used = processor_seconds(pid) - used
        return used, ask(port, False)


def test_no_fds_are_left(campaign: Campaign) -> None:
    used, taken = without_fds(-1)
    campaign.report(f"{used:.2f} s of processor time in 2 s without fds; served {taken * 1000:.0f} ms after")
    assert used < 0.5
    assert taken < 10


def test_a_server_that_tries_again_at_once_would_be_noticed(campaign: Campaign) -> None:
    """The broken variant."""
    used, _ = without_fds(0)
    campaign.report(f"{used:.2f} s of processor time in 2 s without fds")
    assert used > 0.5
