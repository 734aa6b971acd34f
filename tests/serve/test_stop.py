"""Stopping a server: received requests are answered, slow handlers are killed."""

import socket as blocking
from typing import Any

import pytest
from greenlet import greenlet
from support.wsgi import hello, request, serving, until_end

import greenrt
from greenrt.green import socket
from greenrt.serve import DatagramServer, StreamServer


def connect(server: Any) -> Any:
    sock = socket.socket()
    sock.settimeout(10)
    try:
        sock.connect(server.address)
    except OSError:
        sock.close()
        raise
    return sock


def answers(clients: list[Any]) -> list[bytes]:
    try:
        return [client.recv(100) for client in clients]
    finally:
        for client in clients:
            client.close()


@pytest.mark.parametrize("spawn", ["default", 1, None, greenrt.spawn], ids=str)
def test_clients_that_wait_in_the_kernel_are_served(spawn: Any) -> None:
    """Closing a listener resets the connections that were not accepted."""

    def slow(sock: Any, address: Any) -> None:
        # The hub, which calls the handler if `spawn` is None, can't sleep.
        if spawn is not None:
            greenrt.sleep(0.01)
        sock.sendall(b"served")

    server = StreamServer(("127.0.0.1", 0), slow, spawn=spawn)
    server.start()
    # Few of these connects switch, so most connections are accepted by `stop`.
    clients = [connect(server) for _ in range(8)]
    server.stop(30)
    assert answers(clients) == [b"served"] * 8
    with pytest.raises(ConnectionRefusedError):
        connect(server)


@pytest.mark.parametrize("spawn", ["default", 1, None, greenrt.spawn], ids=str)
def test_what_is_accepted_while_the_server_stops_is_served(spawn: Any) -> None:
    """The accepting greenlet may be killed between its wait and its accept."""

    class Stopping(StreamServer):
        def _accept(self, sock: Any) -> tuple[Any, Any]:
            taken = super()._accept(sock)
            greenlet(self._stop_accepting).switch()
            return taken

    def slow(sock: Any, address: Any) -> None:
        greenrt.sleep(0.01)
        sock.sendall(b"served")

    server = Stopping(("127.0.0.1", 0), slow, spawn=spawn)
    server.start()
    client = connect(server)
    while server.started:
        greenrt.sleep(0.001)
    server.stop(30)
    assert answers([client]) == [b"served"]


def test_requests_that_wait_in_the_kernel_are_answered() -> None:
    with serving(hello) as server:
        clients = [connect(server) for _ in range(8)]
        for client in clients:
            client.sendall(request())
        server.stop(30)
        for client in clients:
            assert until_end(client).endswith(b"hello")
            client.close()


def test_datagrams_that_wait_in_the_kernel_are_handled() -> None:
    seen: list[bytes] = []
    server = DatagramServer(("127.0.0.1", 0), lambda data, address: seen.append(data), spawn=2)
    server.start()
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        for number in range(5):
            client.sendto(b"%d" % number, server.address)
        server.stop(30)
    assert seen == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("spawn", ["default", 1, None], ids=str)
def test_handlers_that_take_too_long_are_killed(spawn: Any) -> None:
    begun: list[Any] = []
    ended: list[str] = []

    def endless(sock: Any, address: Any) -> None:
        begun.append(sock)
        try:
            greenrt.sleep(1000)
        finally:
            ended.append("left")

    server = StreamServer(("127.0.0.1", 0), endless, spawn=spawn)
    server.start()
    clients = [connect(server) for _ in range(3)]
    while len(begun) < (3 if spawn == "default" else 1):
        greenrt.sleep(0.001)
    with greenrt.Timeout(30):
        server.stop(0.2)
    assert len(ended) >= 1
    if spawn == "default":
        assert answers(clients) == [b""] * 3
    for client in clients:
        client.close()


def test_a_handler_in_the_accepting_greenlet_may_finish() -> None:
    inside = greenrt.Event()

    def slow(sock: Any, address: Any) -> None:
        inside.set()
        greenrt.sleep(0.1)
        sock.sendall(b"finished")

    server = StreamServer(("127.0.0.1", 0), slow, spawn=None)
    server.start()
    clients = [connect(server)]
    inside.wait(10)
    server.stop(30)
    assert answers(clients) == [b"finished"]


@pytest.mark.parametrize("spawn", ["default", None], ids=str)
def test_a_handler_stops_its_server(spawn: Any) -> None:
    def last(sock: Any, address: Any) -> None:
        sock.sendall(b"last")
        server.stop(0.1)

    server = StreamServer(("127.0.0.1", 0), last, spawn=spawn)
    server.start()
    serving = greenrt.spawn(server.serve_forever)
    clients = [connect(server)]
    assert answers(clients) == [b"last"]
    serving.get(timeout=30)
    assert server.closed


def test_stop_twice_and_before_start() -> None:
    server = StreamServer(("127.0.0.1", 0), print)
    server.stop()
    server.start()
    greenrt.joinall([greenrt.spawn(server.stop) for _ in range(2)], timeout=30)
    server.stop()
    assert server.closed


def test_a_server_starts_again() -> None:
    server = StreamServer(("127.0.0.1", 0), lambda sock, address: sock.sendall(b"again"))
    for _ in range(2):
        server.start()
        clients = [connect(server)]
        server.stop(30)
        assert answers(clients) == [b"again"]


def test_who_connects_before_the_socket_closes_is_answered() -> None:
    """No other greenlet runs between the last look into the kernel's queue and the close, which resets the rest."""

    def greet(sock: Any, address: Any) -> None:
        sock.sendall(sock.recv(1))

    server = StreamServer(("127.0.0.1", 0), greet)
    server.start()
    connected: list[Any] = []

    def connect() -> None:
        while True:
            # The kernel completes a connection to this machine at once, without the server.
            sock = blocking.socket()
            try:
                sock.connect(server.address)
            except (ConnectionRefusedError, TypeError):
                # The server has no address any more.
                sock.close()
                return
            sock.sendall(b"x")
            connected.append(sock)
            greenrt.sleep(0)

    clients = [greenrt.spawn(connect) for _ in range(5)]
    greenrt.sleep(0)
    server.stop(30)
    greenrt.joinall(clients, raise_error=True)
    answers = []
    for sock in connected:
        sock.settimeout(30)
        answers.append(sock.recv(1))
        sock.close()
    assert answers == [b"x"] * len(connected)
    assert len(connected) >= len(clients)
