"""Listeners other than plain addresses: existing, inherited and shared sockets, IPv4 and IPv6."""

import fcntl
import os
import socket as stdlib_socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.child import HOME

import greenrt
from greenrt.green import socket
from greenrt.serve import DatagramServer, StreamServer, inherited_sockets
from greenrt.serve.listeners import adopt


def hello(sock: Any, address: Any) -> None:
    sock.sendall(b"hello")


def ask(address: Any, family: int = socket.AF_INET) -> bytes:
    with socket.socket(family) as sock:
        sock.settimeout(10)
        sock.connect(address)
        return bytes(sock.recv(100))


def test_ipv4_and_ipv6_at_once() -> None:
    with StreamServer(("::", 0), hello) as server:
        assert ask(("127.0.0.1", server.server_port)) == b"hello"
        assert ask(("::1", server.server_port), socket.AF_INET6) == b"hello"


def test_ipv6_alone() -> None:
    with StreamServer(("::1", 0), hello) as server:
        assert ask(server.address, socket.AF_INET6) == b"hello"
        with pytest.raises(ConnectionRefusedError):
            ask(("127.0.0.1", server.server_port))


def test_two_servers_on_one_port() -> None:
    served: Counter[int] = Counter()
    with StreamServer(("127.0.0.1", 0), lambda *_: served.update([1]), reuse_port=True) as one:
        with StreamServer(one.address, lambda *_: served.update([2]), reuse_port=True):
            for _ in range(200):
                assert ask(one.address) == b""
                if len(served) == 2:
                    break
        with pytest.raises(OSError, match="in use"):
            StreamServer(one.address, hello).start()
    assert len(served) == 2


def test_datagrams_on_one_port() -> None:
    with DatagramServer(("127.0.0.1", 0), print, reuse_port=True) as one:
        with DatagramServer(one.address, print, reuse_port=True):
            pass
        with pytest.raises(OSError, match="in use"):
            DatagramServer(one.address, print).start()


@pytest.mark.parametrize("kind", [socket.socket, stdlib_socket.socket])
def test_a_socket_that_exists(kind: Any) -> None:
    """An unpatched socket of the standard library would block the thread."""
    listener = kind()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    with StreamServer(listener, hello) as server:
        answers = [greenrt.spawn(ask, listener.getsockname()) for _ in range(3)]
        assert [answer.get(timeout=10) for answer in answers] == [b"hello"] * 3
        assert server.address == listener.getsockname()
    assert listener.fileno() == -1


def test_a_datagram_socket_that_exists() -> None:
    sock = stdlib_socket.socket(type=stdlib_socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    got = greenrt.Event()
    with DatagramServer(sock, lambda data, address: got.set()) as server, socket.socket(type=2) as client:
        client.sendto(b"x", server.address)
        assert got.wait(10)


def test_a_dead_servers_path_is_taken_over(tmp_path: Path) -> None:
    path = f"unix:{tmp_path}/socket"
    for kind in (StreamServer, DatagramServer):
        for _ in range(2):
            with kind(path, hello), pytest.raises(OSError, match="in use"):
                kind(path, hello).start()


def test_no_socket_was_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    assert inherited_sockets() == []
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert inherited_sockets() == []
    assert "LISTEN_FDS" not in os.environ


def test_what_is_no_socket() -> None:
    read, write = os.pipe()
    try:
        with pytest.raises(OSError, match=f"fd {read} is no socket"):
            StreamServer(f"fd:{read}", hello)
    finally:
        os.close(read)
        os.close(write)
    with pytest.raises(ValueError, match="fd:3"):
        StreamServer("fd:x", hello)
    assert adopt(("127.0.0.1", 0)) is None


# systemd passes the sockets as fds 3 and up, with variables that name this process.
PASSED = """
import os, sys
from greenrt.serve import StreamServer, inherited_sockets
import greenrt
from greenrt.green import socket

def answer(name):
    return lambda sock, address: sock.sendall(name.encode())

found = inherited_sockets()
assert not any(name.startswith("LISTEN_") for name in os.environ)
assert inherited_sockets() == []
assert not any(os.get_inheritable(sock.fileno()) for _, sock in found)
servers = [StreamServer(sock, answer(name)) for name, sock in found]
for server in servers:
    server.start()
print("ready", flush=True)
with greenrt.Timeout(60):
    socket.socket(fileno=0).recv(1)
for server in servers:
    server.stop()
"""

LAUNCHER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="web:admin")
os.execv(sys.executable, [sys.executable, "-c", sys.argv[3]])
"""


def test_sockets_passed_by_systemd() -> None:
    ours, theirs = stdlib_socket.socketpair()
    listeners = [stdlib_socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    # Move the socket away from the fds that the launcher makes.
    high = [fcntl.fcntl(listener, fcntl.F_DUPFD, 100) for listener in listeners]
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, *map(str, high), PASSED],
        stdin=theirs,
        stdout=subprocess.PIPE,
        pass_fds=high,
        env={**os.environ, "PYTHONPATH": HOME},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert [ask(listener.getsockname()) for listener in listeners] == [b"web", b"admin"]
        ours.sendall(b"x")
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        for fd in high:
            os.close(fd)
        for sock in (ours, theirs, *listeners):
            sock.close()
