"""The result of a connect is that of its handshake, whatever the peer does before the waiter runs again."""

import errno
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.parking import until_parked

import greenrt
from greenrt import happy_eyeballs
from greenrt.green import socket as green

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def reset(connection: Any) -> None:
    """End a connection with a reset (RST)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    connection.close()


def resetting_listener(count: int) -> tuple[socket.socket, threading.Thread]:
    """Return a listener, and the native thread that resets its first `count` connections."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def serve() -> None:
        for _ in range(count):
            reset(listener.accept()[0])

    thread = threading.Thread(target=serve)
    thread.start()
    return listener, thread


def by_connect(address: Any, timeout: float | None) -> Any:
    sock = green.socket()
    sock.settimeout(timeout)
    sock.connect(address)
    return sock


def by_connect_ex(address: Any, timeout: float | None) -> Any:
    sock = green.socket()
    sock.settimeout(timeout)
    assert sock.connect_ex(address) == 0
    return sock


CALLS = [by_connect, by_connect_ex, green.create_connection, happy_eyeballs.create_connection]


@pytest.mark.parametrize("timeout", [None, 20.0])
@pytest.mark.parametrize("call", CALLS, ids=["connect", "connect_ex", "create_connection", "happy eyeballs"])
def test_a_reset_after_the_handshake_is_an_error_of_the_next_call(
    call: Callable[[Any, float | None], Any], timeout: float | None
) -> None:
    listener, thread = resetting_listener(20)
    # Other greenlets run between the handshake and the end of the call.
    ticker = greenrt.spawn(lambda: [greenrt.sleep(0.001) for _ in range(10_000)])
    with listener:
        for _ in range(20):
            with call(listener.getsockname(), timeout) as sock, pytest.raises(ConnectionResetError):
                sock.recv(1)
    ticker.kill()
    thread.join()


def test_connections_on_one_machine_need_no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait_for(*args: Any) -> float:
        raise AssertionError("the connection is established when connect(2) returns")

    from greenrt.green import _socket_life

    monkeypatch.setattr(_socket_life, "wait_for", wait_for)
    with socket.create_server(("127.0.0.1", 0)) as listener, by_connect(listener.getsockname(), None) as sock:
        assert sock.getpeername() == listener.getsockname()


@pytest.mark.parametrize("refuses", [False, True])
def test_the_handshake_that_ends_while_the_thread_is_busy(refuses: bool) -> None:
    # If the backlog is full, the SYN is sent again after a second.
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    address = listener.getsockname()
    filling = socket.create_connection(address)
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    outcome: list[Any] = []

    def serve() -> None:
        first, _ = listener.accept()
        if not refuses:
            poller.poll()
            reset(listener.accept()[0])
        listener.close()
        first.close()

    def connect() -> None:
        with green.socket() as sock:
            sock.settimeout(0.9)
            outcome.append(sock.connect_ex(address))
            if not refuses:
                with pytest.raises(ConnectionResetError):
                    sock.recv(1)

    connecting = greenrt.spawn(connect)
    until_parked(connecting)
    thread = threading.Thread(target=serve)
    thread.start()
    # All greenlets of this thread are late, even after the timeout.
    time.sleep(1.3)
    thread.join()
    connecting.get(timeout=20)
    filling.close()
    assert outcome == [errno.ECONNREFUSED if refuses else 0]


def test_happy_eyeballs_that_succeed_in_time_return_late(monkeypatch: pytest.MonkeyPatch) -> None:
    connects = happy_eyeballs._Race._try

    def busy_after(self: Any, found: Any) -> None:
        connects(self, found)
        time.sleep(0.6)

    monkeypatch.setattr(happy_eyeballs._Race, "_try", busy_after)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        happy_eyeballs.create_connection(listener.getsockname(), 0.5) as sock,
    ):
        assert sock.getpeername() == listener.getsockname()


def test_a_connection_that_the_peer_has_closed_is_connected() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        with by_connect(listener.getsockname(), None) as sock:
            assert sock.recv(1) == b""
        thread.join()


def test_unix_sockets(tmp_path: Path) -> None:
    path = os.fspath(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        filling = [socket.socket(socket.AF_UNIX) for _ in range(2)]
        filling[0].connect(path)
        client = green.socket(green.AF_UNIX)
        waiting = greenrt.spawn(client.connect, path)
        greenrt.sleep(0.01)
        assert not waiting.dead
        listener.accept()[0].close()
        waiting.get(timeout=20)
        # The peer closes without accepting: the connection was established.
        listener.close()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        for sock in (*filling, client):
            sock.close()


CALLS: dict[str, Callable[[Any, Any], object]] = {
    "recv": lambda sock, address: sock.recv(1),
    "recv with MSG_PEEK": lambda sock, address: sock.recv(1, socket.MSG_PEEK),
    "recv_into": lambda sock, address: sock.recv_into(bytearray(1)),
    "recvfrom": lambda sock, address: sock.recvfrom(1)[0],
    "recvmsg": lambda sock, address: sock.recvmsg(1)[0],
    "send": lambda sock, address: sock.send(b"x"),
    "sendall": lambda sock, address: sock.sendall(b"x"),
    "sendmsg": lambda sock, address: sock.sendmsg([b"x"]),
    "getpeername": lambda sock, address: sock.getpeername(),
    "shutdown": lambda sock, address: sock.shutdown(socket.SHUT_RDWR),
    "SO_ERROR": lambda sock, address: sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR),
    "connect": lambda sock, address: sock.connect(address),
    "connect_ex": lambda sock, address: sock.connect_ex(address),
}


def outcomes_after_a_refusal(module: Any, timeout: float | None, calls: list[str]) -> list[object]:
    """Return the result of each call, or its errno."""
    found: list[object] = []
    with socket.socket() as bound, module.socket() as sock:
        # The port stays occupied, and no socket listens on it.
        bound.bind(("127.0.0.1", 0))
        sock.settimeout(timeout)
        for call in calls:
            try:
                found.append(CALLS[call](sock, bound.getsockname()))
            except OSError as error:
                found.append(error.errno)
    return found


@pytest.mark.parametrize("timeout", [None, 5, 0], ids=["blocking", "timeout", "non-blocking"])
@pytest.mark.parametrize("connect", ["connect", "connect_ex"])
def test_calls_after_a_refused_connect_are_the_standard_ones(connect: str, timeout: float | None) -> None:
    for call in CALLS:
        calls = [connect, call, call, connect, call]
        expected = outcomes_after_a_refusal(socket, timeout, calls)
        assert outcomes_after_a_refusal(green, timeout, calls) == expected, calls


@pytest.mark.parametrize("timeout", [None, 5], ids=["blocking", "timeout"])
def test_a_socket_that_was_refused_connects_at_its_next_attempt(timeout: float | None) -> None:
    def connects(module: Any) -> list[int]:
        with socket.socket() as bound, module.socket() as sock:
            bound.bind(("127.0.0.1", 0))
            sock.settimeout(timeout)
            first = sock.connect_ex(bound.getsockname())
            bound.listen()
            return [first, sock.connect_ex(bound.getsockname())]

    assert connects(green) == connects(socket)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("timeout", [None, 5], ids=["blocking", "timeout"])
def test_a_connected_socket_refuses_to_connect_again(timeout: float | None, host: str) -> None:
    def outcomes(module: Any) -> list[int]:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, 0), family=family) as listener, module.socket(family) as sock:
            sock.settimeout(timeout)
            return [sock.connect_ex(listener.getsockname()) for _ in range(3)]

    assert outcomes(green) == outcomes(socket)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
@pytest.mark.parametrize("way", ["close", "detach", "os.close"])
def test_a_new_socket_with_the_number_of_a_connected_one_connects(
    way: str, family: int, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(family) as other:
        other.bind(os.fspath(tmp_path / "s") if family == socket.AF_UNIX else ("127.0.0.1", 0))
        other.listen()
        first = green.socket()
        number = first.fileno()
        first.connect(listener.getsockname())
        if way == "close":
            first.close()
        else:
            os.close(first.detach() if way == "detach" else number)
        with green.socket(family) as second:
            assert second.fileno() == number
            second.connect(other.getsockname())
            assert second.getpeername() == other.getsockname()
        first.detach()
