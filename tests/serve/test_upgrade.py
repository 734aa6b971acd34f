"""Requests for another protocol, which begins after the request's body (RFC 9110 7.8)."""

from collections.abc import Callable
from typing import Any

import pytest
from support.http_vectors import CHUNKED, SMUGGLED
from support.wsgi import limits, request, serving, split, talk, until_end

from greenrt.green import socket

StartResponse = Callable[..., Any]

UPGRADE = ("Connection: Upgrade", "Upgrade: echo")
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BODIES = {
    "length": (f"Content-Length: {len(SMUGGLED)}", SMUGGLED),
    "chunks": (CHUNKED, b"%x\r\n%b\r\n0\r\nA: b\r\n\r\n" % (len(SMUGGLED), SMUGGLED)),
    "a long body": ("Content-Length: 300000", b"x" * 300_000),
}


def upgrading(read: int) -> Any:
    """Return an application that reads a part of the body, then echoes the bytes of the new protocol."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        environ["wsgi.input"].read(read)
        sock, early = environ["greenrt.upgrade"]()
        sock.sendall(SWITCHED + early)
        while data := sock.recv(1000):
            sock.sendall(data)
        # These bytes do not belong to the new protocol.
        assert read or not environ["wsgi.input"].read()
        return []

    return application


@pytest.mark.parametrize("read", [0, 5, -1])
@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("expect", [False, True])
def test_the_new_protocol_begins_after_the_body(name: str, read: int, expect: bool) -> None:
    field, body = BODIES[name]
    fields = [field, *UPGRADE, *(["Expect: 100-continue"] if expect else [])]
    head = request(*fields, line="POST / HTTP/1.1", close=False)
    with serving(upgrading(read)) as server:
        answer = talk(server, head, body, b"early", b"late", half_close=True)
        assert answer == (CONTINUE if expect else b"") + SWITCHED + b"earlylate"
        answer = talk(server, head + body + b"early", half_close=True)
        assert answer == (CONTINUE if expect else b"") + SWITCHED + b"early"


BROKEN = {
    "malformed": (CHUNKED, b"x\r\n", b"400"),
    "too slow": ("Content-Length: 5", b"abc", b"408"),
    "too large": (CHUNKED, b"800\r\n" + b"x" * 2048 + b"\r\n0\r\n\r\n", b"413"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_without_the_whole_body_there_is_no_new_protocol(name: str) -> None:
    field, body, code = BROKEN[name]
    with serving(upgrading(0), limits=limits(body_timeout=0.2, body=1000)) as server:
        answer = talk(server, request(field, *UPGRADE, line="POST / HTTP/1.1", close=False) + body)
    assert answer.startswith(b"HTTP/1.1 " + code)


def test_a_status_of_101_comes_after_the_body() -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("101 Switching Protocols", [("Upgrade", "echo")])(b"")
        sock, early = environ["greenrt.upgrade"]()
        sock.sendall(early)
        return []

    sent = request("Content-Length: 3", "Expect: 100-continue", *UPGRADE, close=False) + b"abcearly"
    with serving(application) as server:
        answer = talk(server, sent)
    assert answer.startswith(CONTINUE)
    status, fields, rest = split(answer[len(CONTINUE) :])
    assert status == "HTTP/1.1 101 Switching Protocols"
    assert (fields["upgrade"], fields["connection"]) == ("echo", "Upgrade")
    assert rest == b"early"


def test_after_another_final_response_no_interim_one_is_sent() -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [("Content-Length", "4")])(b"part")
        sock, early = environ["greenrt.upgrade"]()
        assert (early or sock.recv(100)) == b"early"
        return []

    with serving(application) as server, socket.create_connection(server.address, 30) as sock:
        sock.sendall(request("Content-Length: 3", "Expect: 100-continue", *UPGRADE, close=False))
        answer = sock.recv(1000)
        sock.sendall(b"abcearly")
        assert (answer + until_end(sock)).count(b"HTTP/1.1 ") == 1
