"""Interim responses: "100 Continue" is sent before the final response or not at all (RFC 9110 10.1.1, 15.2)."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.http_vectors import CHUNKED, SMUGGLED
from support.wsgi import answering, limits, request, serving, split, talk, until_end

from greenrt.green import socket

StartResponse = Callable[..., Any]

POST = "POST / HTTP/1.1"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
FRAMINGS = {
    "length": (f"Content-Length: {len(SMUGGLED)}", SMUGGLED),
    "chunks": (CHUNKED, b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)),
}


class ReadingAtClose(list[bytes]):
    """A complete body, whose close() reads the request's body."""

    def __init__(self, environ: dict[str, Any]) -> None:
        super().__init__([b"part"])
        self.environ = environ

    def close(self) -> None:
        self.environ["wsgi.input"].read()


def after_write(environ: dict[str, Any], start_response: StartResponse) -> Any:
    start_response("200 OK", [])(b"part")
    return [environ["wsgi.input"].read()[:0]]


def in_a_generator(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"part"
    environ["wsgi.input"].read()


def in_close(environ: dict[str, Any], start_response: StartResponse) -> Any:
    start_response("200 OK", [])
    return ReadingAtClose(environ)


def after_an_empty_write(environ: dict[str, Any], start_response: StartResponse) -> Any:
    start_response("200 OK", [])(b"")
    environ["wsgi.input"].readline()
    return [b"part"]


def of_a_known_length(environ: dict[str, Any], start_response: StartResponse) -> Any:
    write = start_response("200 OK", [("Content-Length", "4")])
    write(b"pa")
    environ["wsgi.input"].read(1)
    write(b"rt")
    return []


READS_LATE = [after_write, in_a_generator, in_close, after_an_empty_write, of_a_known_length]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("application", READS_LATE, ids=lambda application: application.__name__)
def test_no_interim_response_after_the_final_one(application: Any, framing: str) -> None:
    """The client sends its body anyway, as it may. The application reads it, and no request is made of it."""
    field, body = FRAMINGS[framing]
    with serving(application) as server, socket.create_connection(server.address, 30) as sock:
        sock.sendall(request(field, "Expect: 100-continue", line=POST, close=False))
        answer = sock.recv(1000)
        sock.sendall(body + SMUGGLED)
        answer += until_end(sock)
    status, fields, content = split(answer)
    assert status == "HTTP/1.1 200 OK"
    assert fields["connection"] == "close"
    assert content in (b"part", b"4\r\npart\r\n0\r\n\r\n")


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_expected_body_that_is_not_read_ends_the_connection(framing: str, tmp_path: Path) -> None:
    """The client may or may not send the body, so nothing after the head can be read as a request."""
    (tmp_path / "part").write_bytes(b"part")

    def a_file(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"]((tmp_path / "part").open("rb"))

    def an_error(environ: dict[str, Any], start_response: StartResponse) -> Any:
        raise ZeroDivisionError

    field, body = FRAMINGS[framing]
    for application in (answering([b"part"]), answering(iter([b"part"])), answering([]), a_file, an_error):
        with serving(application) as server:
            for method in ("POST", "HEAD"):
                line = f"{method} / HTTP/1.1"
                sent = request(field, "Expect: 100-continue", line=line, close=False)
                answer = talk(server, sent + body + SMUGGLED)
                assert answer.count(b"HTTP/1.1 ") == 1
                assert split(answer)[1]["connection"] == "close"


def test_start_response_alone_begins_nothing() -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    with serving(application) as server:
        sent = request("Content-Length: 3", "Expect: 100-continue", line=POST, close=False) + b"abc"
        answer = talk(server, sent, sent, request())
    assert answer.count(CONTINUE) == 2
    assert answer.count(b"Connection: close") == 1


def test_a_body_sent_without_an_expectation_may_be_read_late() -> None:
    with serving(in_a_generator) as server:
        sent = request("Content-Length: 3", line=POST, close=False) + b"abc"
        answer = talk(server, sent, sent, request())
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(b"Connection: close") == 1


def test_an_end_that_is_known_is_announced() -> None:
    """The connection must be closed after a body that is too long to drop, or malformed."""
    with serving(answering([b"part"]), limits=limits(unread=10)) as server:
        answer = talk(server, request("Content-Length: 11", line=POST, close=False) + b"abc")
    assert split(answer)[1]["connection"] == "close"

    def caught(environ: dict[str, Any], start_response: StartResponse) -> Any:
        try:
            environ["wsgi.input"].read()
        except OSError:
            start_response("400 Bad Request", [])
        return [b"part"]

    with serving(caught) as server:
        answer = talk(server, request(CHUNKED, line=POST, close=False) + b"x\r\n")
    assert split(answer)[1]["connection"] == "close"


def test_input_in_other_hands() -> None:
    """Wrappers of the input, and reads that take several calls, send one interim response."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        body = io.TextIOWrapper(environ["wsgi.input"])
        lines = body.readlines()
        start_response("200 OK", [])(b"")
        assert not body.read()
        return [str(len(lines)).encode()]

    with serving(application) as server:
        answer = talk(server, request("Content-Length: 4", "Expect: 100-continue", line=POST) + b"a\nb\n")
    assert answer.startswith(CONTINUE)
    assert answer.count(CONTINUE) == 1
    assert split(answer[len(CONTINUE) :])[2] == b"1\r\n2\r\n0\r\n\r\n"
