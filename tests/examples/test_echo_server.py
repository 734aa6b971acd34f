"""The echo server from the view of its clients."""

import os
import socket
from collections.abc import Iterator

import pytest
from example_child import Child, connect, example, receive, receive_all, reset, wait_until_refused


@pytest.fixture
def server() -> Iterator[Child]:
    with example("echo_server.py") as child:
        yield child


def test_sends_back_what_was_sent(server: Child) -> None:
    with connect(server.port()) as client:
        for size in (1, 1000, 65536, 100_000):
            data = os.urandom(size)
            client.sendall(data)
            assert receive(client, size) == data


def test_ends_after_the_client_has_ended_its_side(server: Child) -> None:
    with connect(server.port()) as client:
        client.sendall(b"the last words")
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b"the last words"


def test_many_connections_at_once(server: Child) -> None:
    port = server.port()
    clients = [connect(port) for _ in range(200)]
    try:
        for number, client in enumerate(clients):
            client.sendall(b"%06d" % number)
        # In reverse order: the first connections are still open and unread when the last ones are served.
        for number, client in reversed(list(enumerate(clients))):
            assert receive(client, 6) == b"%06d" % number
    finally:
        for client in clients:
            client.close()


def test_limits_the_connections_served_at_once() -> None:
    with example("echo_server.py", "--connections", "1") as server:
        with connect(server.port()) as first, connect(server.port()) as second:
            first.sendall(b"first")
            assert receive(first, 5) == b"first"
            second.sendall(b"second")
            second.settimeout(0.3)
            with pytest.raises(TimeoutError):
                second.recv(1)
            first.close()
            second.settimeout(60)
            assert receive(second, 6) == b"second"


def test_goes_on_after_a_client_broke_off(server: Child) -> None:
    port = server.port()
    client = connect(port)
    client.sendall(b"x")
    assert receive(client, 1) == b"x"
    reset(client)
    server.wait_for("Connection reset by peer")
    with connect(port) as other:
        other.sendall(b"still there?")
        assert receive(other, 12) == b"still there?"
    server.press_ctrl_c()
    server.check_clean_end()


def test_ctrl_c_ends_it_although_a_client_is_connected(server: Child) -> None:
    port = server.port()
    with connect(port) as client:
        client.sendall(b"x")
        assert receive(client, 1) == b"x"
        server.press_ctrl_c()
        server.check_clean_end()
        assert receive_all(client) == b""
    wait_until_refused(port)
