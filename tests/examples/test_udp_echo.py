"""The UDP echo server and its client, together and each against a plain socket."""

import socket

from example_child import LIMIT, example, port_of
from support.ports import free_ports


def datagram_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(LIMIT)
    return sock


def test_the_client_gets_its_words_back_from_the_server() -> None:
    words = [f"word{number}" for number in range(50)]
    with example("udp_echo.py", "server") as server:
        with example("udp_echo.py", "client", "--port", str(server.port()), *words) as client:
            client.check_clean_end()
            assert client.stdout.splitlines() == [f"{word}: {word}" for word in words]


def test_the_server_answers_each_sender_in_turn() -> None:
    with example("udp_echo.py", "server") as server, datagram_socket() as one, datagram_socket() as two:
        address = ("127.0.0.1", server.port())
        one.sendto(b"one", address)
        two.sendto(b"", address)
        assert one.recvfrom(100) == (b"one", address)
        assert two.recvfrom(100) == (b"", address)
        server.press_ctrl_c()
        server.check_clean_end()


def test_the_client_asks_again_when_a_datagram_is_lost() -> None:
    with datagram_socket() as server:
        port = str(port_of(server))
        with example("udp_echo.py", "client", "--port", port, "--patience", "0.2", "lost") as client:
            assert server.recv(100) == b"lost"
            data, sender = server.recvfrom(100)
            server.sendto(data, sender)
            client.check_clean_end()
            assert client.stdout == "lost: lost\n"
            assert "no answer yet" in client.stderr


def test_the_client_asks_again_until_somebody_listens() -> None:
    (port,) = free_ports(1, socket.SOCK_DGRAM)
    with example("udp_echo.py", "client", "--port", str(port), "--patience", "0.5", "early") as client:
        client.wait_for("the port is not open yet", stream="stderr")
        with example("udp_echo.py", "server", "--port", str(port)):
            client.check_clean_end()
            assert client.stdout == "early: early\n"


def test_the_client_gives_up_when_nobody_listens() -> None:
    (port,) = free_ports(1, socket.SOCK_DGRAM)
    with example("udp_echo.py", "client", "--port", str(port), "--patience", "0.05", "a", "b") as client:
        client.check_clean_end(exit_code=1)
        assert client.stdout == "a: no answer\nb: no answer\n"
