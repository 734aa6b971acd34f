"""The port forwarder, between an ordinary client and an ordinary server."""

import os
import socket
from collections.abc import Iterator

import pytest
from example_child import (
    Child,
    accept,
    connect,
    example,
    listen,
    port_of,
    receive,
    receive_all,
    reset,
    wait_until_refused,
)


@pytest.fixture
def target() -> Iterator[socket.socket]:
    with listen() as listener:
        yield listener


@pytest.fixture
def forwarder(target: socket.socket) -> Iterator[Child]:
    with example("port_forwarder.py", f"127.0.0.1:{port_of(target)}") as child:
        yield child


def test_forwards_both_ways(forwarder: Child, target: socket.socket) -> None:
    with connect(forwarder.port()) as client, accept(target) as server:
        for sender, receiver in ((client, server), (server, client), (client, server)):
            data = os.urandom(100_000)
            sender.sendall(data)
            assert receive(receiver, len(data)) == data


@pytest.mark.parametrize("first", ["client", "server"])
def test_one_direction_may_end_before_the_other(forwarder: Child, target: socket.socket, first: str) -> None:
    with connect(forwarder.port()) as client, accept(target) as server:
        early, late = (client, server) if first == "client" else (server, client)
        early.sendall(b"that is all")
        early.shutdown(socket.SHUT_WR)
        assert receive_all(late) == b"that is all"
        late.sendall(b"thank you")
        assert receive(early, 9) == b"thank you"
        late.shutdown(socket.SHUT_WR)
        assert receive_all(early) == b""


def test_several_connections_at_once(forwarder: Child, target: socket.socket) -> None:
    port = forwarder.port()
    with connect(port) as one, accept(target) as for_one, connect(port) as two, accept(target) as for_two:
        for_two.sendall(b"two")
        for_one.sendall(b"one")
        assert receive(one, 3) == b"one"
        assert receive(two, 3) == b"two"


@pytest.mark.parametrize("breaker", ["client", "server"])
def test_a_broken_side_ends_the_other(forwarder: Child, target: socket.socket, breaker: str) -> None:
    with connect(forwarder.port()) as client, accept(target) as server:
        client.sendall(b"x")
        assert receive(server, 1) == b"x"
        broken, other = (client, server) if breaker == "client" else (server, client)
        reset(broken)
        assert receive_all(other) == b""
    forwarder.press_ctrl_c()
    forwarder.check_clean_end()


def test_says_that_the_target_refuses_and_goes_on(forwarder: Child, target: socket.socket) -> None:
    target.close()
    for _ in range(2):
        with connect(forwarder.port()) as client:
            assert receive_all(client) == b""
    forwarder.wait_for("no connection to .*refused")
    forwarder.press_ctrl_c()
    forwarder.check_clean_end()


def test_ctrl_c_ends_it_although_a_connection_is_open(forwarder: Child, target: socket.socket) -> None:
    port = forwarder.port()
    with connect(port) as client, accept(target) as server:
        client.sendall(b"x")
        assert receive(server, 1) == b"x"
        forwarder.press_ctrl_c()
        forwarder.check_clean_end()
        assert receive_all(client) == b""
        assert receive_all(server) == b""
    wait_until_refused(port)


def test_wants_a_target_with_a_port() -> None:
    with example("port_forwarder.py", "nowhere") as forwarder:
        assert forwarder.wait() == 2
        assert "'nowhere' is not HOST:PORT" in forwarder.stderr
