"""The server of the demo."""

import signal
from collections.abc import Iterator

import pytest
from example_child import EXAMPLES, Child, connect, example, receive_all, wait_until_refused
from support.ports import free_ports

REQUEST = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST_REQUEST = b"GET /%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture
def server() -> Iterator[Child]:
    with example("slow_server.py", "--delay", "0.02") as child:
        yield child


def test_answers_and_closes_when_asked_to(server: Child) -> None:
    with connect(server.port()) as client:
        client.sendall(LAST_REQUEST % 7)
        head, _, body = receive_all(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 8" in head
    assert body == b"page /7\n"


def test_keeps_the_order_of_requests_on_one_connection(server: Child) -> None:
    with connect(server.port()) as client:
        stream = b"".join(REQUEST % number for number in range(20)) + LAST_REQUEST % 20
        client.sendall(stream[:100])
        client.sendall(stream[100:])
        answers = receive_all(client)
    assert [line for line in answers.split(b"\n") if line.startswith(b"page")] == [
        b"page /%d" % number for number in range(21)
    ]


def test_holds_many_connections_at_once(server: Child) -> None:
    port = server.port()
    clients = [connect(port) for _ in range(500)]
    try:
        for number, client in enumerate(clients):
            client.sendall(LAST_REQUEST % number)
        for number, client in enumerate(clients):
            assert receive_all(client).endswith(b"page /%d\n" % number)
    finally:
        for client in clients:
            client.close()


def test_refuses_what_it_does_not_understand(server: Child) -> None:
    for request in (b"nonsense\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b"\r\n\r\n"):
        with connect(server.port()) as client:
            client.sendall(request)
            assert receive_all(client).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_breaks_off_an_endless_head(server: Child) -> None:
    with connect(server.port()) as client:
        try:
            client.sendall(b"x" * 100_000)
            answer = receive_all(client)
        except ConnectionError:  # the server dropped unread bytes, which causes a reset
            answer = b""
    assert answer == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_on_a_signal_although_requests_are_open(server: Child, number: signal.Signals) -> None:
    port = server.port()
    with connect(port) as client:
        client.sendall(REQUEST % 1)
        server.signal(number)
        server.check_clean_end()
    wait_until_refused(port)


def test_ends_with_its_stdin_when_asked_to() -> None:
    with Child(EXAMPLES / "slow_server.py", "--until-stdin-ends", keep_stdin=True) as server:
        port = server.port()
        connect(port).close()
        assert server.process.poll() is None
        assert server.process.stdin is not None
        server.process.stdin.close()
        server.check_clean_end()
    wait_until_refused(port)


def test_listens_on_the_port_asked_for() -> None:
    (port,) = free_ports(1)
    with example("slow_server.py", "--port", str(port)) as server:
        assert server.port() == port
