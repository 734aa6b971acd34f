"""The fast paths of the HTTP server: one test for each. See tests/hub/test_fast_paths.py."""

import os
from pathlib import Path
from typing import Any

import pytest
from support.wsgi import answering, serving, talk

from greenrt.green import _socket_life, socket
from greenrt.serve import Limits
from greenrt.serve.http import request, response_head
from greenrt.serve.http.connection import Connection
from greenrt.serve.http.exchange import FileWrapper
from greenrt.serve.http.request_head import HeadParser

GET = b"GET / HTTP/1.1\r\nHost: here\r\nX-Color: red\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


class Unscanned(Connection):
    """A connection that must not scan a head."""

    def read_head(self) -> bytes | None:
        raise AssertionError("the slow path")


def connected(kind: type[Connection], data: bytes) -> tuple[Connection, Any]:
    client, sock = socket.socketpair()
    client.sendall(data)
    return kind(sock, Limits(), [0] * 1000), client


def test_a_request_with_the_fields_of_the_last_is_not_scanned() -> None:
    heads = HeadParser({})
    for _ in range(2):
        heads.parse(GET[:-4])
    connection, client = connected(Unscanned, GET)
    found = request.read_request(connection, heads)
    assert found is not None
    assert found.environ["HTTP_X_COLOR"] == "red"
    client.sendall(GET.replace(b"red", b"blue"))
    with pytest.raises(AssertionError, match="the slow path"):
        request.read_request(connection, heads)
    client.close()
    connection.sock.close()


def test_fields_that_come_again_are_not_read_again() -> None:
    """The values are the same objects, also if the head is scanned, as for pipelined requests."""
    connection, client = connected(Connection, GET * 4)
    heads = HeadParser({})
    values = []
    for _ in range(4):
        found = request.read_request(connection, heads)
        assert found is not None
        values.append(found.environ["HTTP_X_COLOR"])
    # The fields are parsed twice.
    assert len({id(value) for value in values}) == 2
    client.close()
    connection.sock.close()


def test_a_server_does_not_look_up_the_methods_of_its_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    received = []
    with serving() as server:
        # The client's socket is a standard one.
        client = socket.create_connection(server.address)
        for name in ("recv", "send", "sendall"):
            original = getattr(socket.socket, name)

            def looked_up(self: Any, *args: Any, original: Any = original) -> Any:
                if self is not client:
                    raise AssertionError("the slow path")
                return original(self, *args)

            monkeypatch.setattr(socket.socket, name, looked_up)
        client.sendall(GET)
        received.append(client.recv(1000))
        client.close()
    assert received[0].startswith(b"HTTP/1.1 200 ")


def test_a_short_response_is_sent_at_once() -> None:
    """The head and a complete body are one write, and so one message between these sockets."""
    for parts in ([b"hello"], (b"hello",), [b"hel", b"lo"]):
        client, sock = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.sendall(GET)
        connection = Connection(sock, Limits(), [0] * 1000)
        found = request.read_request(connection, HeadParser({}))
        assert found is not None
        found.run(answering(parts))
        assert client.recv(1000).endswith(b"\r\n\r\nhello")
        client.close()
        sock.close()


def test_a_plain_file_is_sent_by_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    sent = []
    original = os.sendfile
    monkeypatch.setattr(_socket_life.os, "sendfile", lambda *args: sent.append(args) or original(*args))
    for mode, buffering in (("rb", -1), ("rb", 0), ("r+b", -1)):
        sent.clear()
        with open(path, mode, buffering) as file, serving(answering(FileWrapper(file))) as server:
            assert talk(server, LAST).endswith(b"x" * 1000)
        assert sent


def test_the_status_line_and_the_date_are_made_once() -> None:
    """The heads of two responses share these lines."""
    headers = [("Content-Type", "text/plain"), ("X-Color", "red")]
    pairs = []
    # A new second may begin between the two responses.
    for _ in range(5):
        first, second = (
            response_head.ResponseHead("200 OK", headers).lines,
            response_head.ResponseHead("200 OK", headers).lines,
        )
        pairs.append((second[0] is first[0], second[-1] is first[-1]))
    assert (True, True) in pairs


def test_names_of_request_fields_are_made_once() -> None:
    one, other = HeadParser({}), HeadParser({})
    first = one.parse(b"GET / HTTP/1.1\r\nHost: here\r\nX-Rather-Unusual: 1")
    second = other.parse(b"GET / HTTP/1.1\r\nHost: here\r\nX-Rather-Unusual: 2")
    keys = [next(key for key in environ if key == "HTTP_X_RATHER_UNUSUAL") for environ in (first, second)]
    assert keys[0] is keys[1]
