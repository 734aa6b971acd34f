"""The echo server with a loop in each thread, from the view of its clients."""

import errno
import re
import signal
import threading
from collections.abc import Iterator

import pytest
from example_child import Child, connect, example, receive, receive_all, reset, wait_until_refused


@pytest.fixture
def server() -> Iterator[Child]:
    with example("threaded_echo_server.py", "--threads", "3") as child:
        yield child


def served(child: Child) -> list[int]:
    return [int(count) for count in re.findall(r"loop-\d: served (\d+)", child.stdout)]


def test_each_loop_gets_its_share(server: Child) -> None:
    port = server.port()
    clients = [connect(port) for _ in range(90)]
    for number, client in enumerate(clients):
        client.sendall(b"%06d\n" % number)
    # In reverse order: all connections are open at once.
    for number, client in reversed(list(enumerate(clients))):
        assert receive(client, 7) == b"%06d\n" % number
        client.close()
    server.signal(signal.SIGTERM)
    server.check_clean_end()
    assert served(server) == [30, 30, 30]
    assert server.stdout.splitlines()[1:] == [
        "SIGTERM: stopping",
        *(f"loop-{number}: served 30" for number in range(3)),
        "stopped",
    ]


def test_a_job_holds_up_nobody(server: Child) -> None:
    port = server.port()
    with connect(port) as busy, connect(port) as other, connect(port), connect(port) as neighbour:
        busy.sendall(b"sum 30000000\n")
        # The same loop serves the neighbour.
        for client in (other, neighbour):
            client.sendall(b"hello\n")
            assert receive(client, 6) == b"hello\n"
        assert receive(busy, 16) == b"450000015000000\n"


def test_what_was_asked_for_before_the_end_is_answered(server: Child) -> None:
    with connect(server.port()) as client:
        client.sendall(b"sum 3000000\n")
        server.press_ctrl_c()
        server.wait_for("SIGINT: stopping")
        assert receive(client, 14) == b"4500001500000\n"
        client.sendall(b"last\n")
        assert receive(client, 5) == b"last\n"
        client.shutdown(1)
        assert receive_all(client) == b""
        server.check_clean_end()


def test_idle_connections_are_closed_at_the_end(server: Child) -> None:
    port = server.port()
    with connect(port) as client:
        client.sendall(b"one\n")
        assert receive(client, 4) == b"one\n"
        server.signal(signal.SIGTERM)
        wait_until_refused(port)
        assert receive_all(client) == b""
    server.check_clean_end()
    assert sum(served(server)) >= 1


def test_a_second_signal_ends_it_at_once(server: Child) -> None:
    with connect(server.port()) as client:
        client.sendall(b"one\n")
        assert receive(client, 4) == b"one\n"
        server.signal(signal.SIGTERM)
        server.wait_for("SIGTERM: stopping")
        server.signal(signal.SIGTERM)
        assert server.wait() == 1
        assert "at once" in server.stdout


def test_a_signal_amid_a_burst_of_connections(server: Child) -> None:
    """Each accepted client gets an answer or sees the close; none hangs."""
    port = server.port()
    answers: list[bytes] = []

    def ask() -> None:
        try:
            with connect(port) as client:
                client.sendall(b"hello\n")
                client.shutdown(1)
                answers.append(receive_all(client))
        except OSError as error:
            # Shutting down a reset connection raises ENOTCONN, which is no ConnectionError.
            if not isinstance(error, ConnectionError) and error.errno != errno.ENOTCONN:
                raise
            answers.append(b"refused")

    threads = [threading.Thread(target=ask) for _ in range(60)]
    for number, thread in enumerate(threads):
        thread.start()
        if number == 30:
            server.signal(signal.SIGTERM)
    for thread in threads:
        thread.join(60)
    assert len(answers) == 60
    assert set(answers) <= {b"hello\n", b"refused", b""}
    assert answers.count(b"hello\n") >= 20
    server.check_clean_end()


def test_a_client_that_breaks_off(server: Child) -> None:
    port = server.port()
    for _ in range(3):
        client = connect(port)
        client.sendall(b"sum 1000000\n")
        reset(client)
    with connect(port) as client:
        client.sendall(b"still here\n")
        assert receive(client, 11) == b"still here\n"
    server.signal(signal.SIGTERM)
    server.check_clean_end()
