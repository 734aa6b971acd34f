"""The fields that the status of a response needs, and no content if its status or method forbids it."""

import io
from typing import Any

import pytest
from support.wsgi import answering, request, serving, split, talk

EMPTY = {"100": None, "101": None, "204": None, "205": "0", "304": None}
BODIES = {
    "a list": lambda: [b"hello"],
    "two parts": lambda: [b"he", b"llo"],
    "a generator": lambda: iter([b"he", b"llo"]),
    "nothing": list,
    "a file": lambda: io.BytesIO(b"hello"),
}


@pytest.mark.parametrize("announced", [False, True])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("status", ["204 No Content", "205 Reset Content", "304 Not Modified"])
def test_statuses_without_content(
    status: str, version: str, announced: bool, caplog: pytest.LogCaptureFixture
) -> None:
    headers = [("Content-Length", "5")] if announced else []
    for method in ("GET", "HEAD"):
        for body in BODIES.values():
            with serving(answering(body(), *headers, status=status)) as server:
                answer = talk(server, request(line=f"{method} / HTTP/{version}"))
            line, fields, content = split(answer)
            assert line == f"HTTP/1.1 {status}"
            assert content == b""
            assert "transfer-encoding" not in fields
            # 304 may have the length that 200 would have had (RFC 9110 8.6).
            length = "5" if announced and status.startswith("304") else EMPTY[status[:3]]
            assert fields.get("content-length") == length
            assert answer.lower().count(b"content-length") == (length is not None)


def test_205_keeps_the_connection() -> None:
    with serving(answering([], status="205 Reset Content")) as server:
        answer = talk(server, request(close=False) * 2 + request())
    assert answer.count(b"HTTP/1.1 205 ") == answer.count(b"Content-Length: 0\r\n") == 3
    assert answer.count(b"Connection: close") == 1


class FailingAtClose:
    def __init__(self, parts: Any) -> None:
        self.parts = parts

    def __iter__(self) -> Any:
        return iter(self.parts)

    def close(self) -> None:
        raise ZeroDivisionError


class FailingList(list[bytes]):
    def close(self) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize("announced", [False, True])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_the_answer_to_head_is_whole_whatever_fails_after_it(version: str, announced: bool) -> None:
    def writing(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", headers)(b"hello")
        raise ZeroDivisionError

    headers = [("Content-Length", "5")] if announced else []
    applications = [
        answering(FailingAtClose([b"he", b"llo"]), *headers),
        answering(FailingAtClose([]), *headers),
        answering(FailingList([b"hello"]), *headers),
        answering(FailingList([b"he", b"llo"]), *headers),
        writing,
    ]
    for application in applications:
        with serving(application) as server:
            # The read to the end would raise on a reset.
            status, fields, body = split(talk(server, request(line=f"HEAD / HTTP/{version}")))
        assert status == "HTTP/1.1 200 OK"
        assert body == b""
        assert not announced or fields["content-length"] == "5"


NEEDED = {
    "401 Unauthorized": ("WWW-Authenticate", 'Basic realm="x"'),
    "405 Method Not Allowed": ("Allow", "GET, HEAD"),
    "407 Proxy Authentication Required": ("Proxy-Authenticate", 'Basic realm="x"'),
    "200 OK": ("Proxy-Authentication-Info", 'nextnonce="x"'),
    "413 Content Too Large": ("Retry-After", "5"),
    "416 Range Not Satisfiable": ("Content-Range", "bytes */5"),
    "426 Upgrade Required": ("Upgrade", "websocket"),
    "101 Switching Protocols": ("Upgrade", "websocket"),
}


@pytest.mark.parametrize("status", NEEDED)
def test_fields_that_a_status_needs(status: str) -> None:
    name, value = NEEDED[status]
    for each in (name, name.upper(), name.lower()):
        for close in (False, True):
            with serving(answering([], (each, value), status=status)) as server:
                answer = talk(server, request(close=close) + (b"" if close else request()))
            line, _, _ = split(answer)
            assert line == f"HTTP/1.1 {status}"
            assert f"\r\n{each}: {value}\r\n".encode() in answer
            if name == "Upgrade":
                # A sender of Upgrade lists it in Connection (RFC 9110 7.8).
                assert b"\r\nConnection: Upgrade\r\n" in answer
            assert answer.count(b"Connection: close") == (0 if status.startswith("101") else 1)


@pytest.mark.parametrize("value", ["close", "Close", "keep-alive, close", "close ,x", "x,\tCLOSE"])
def test_close_among_other_options(value: str) -> None:
    with serving(answering([b"hello"], ("Connection", value))) as server:
        answer = talk(server, request(close=False) + request())
    assert answer.count(b"HTTP/1.1 200 OK") == 1
    assert split(answer)[1]["connection"] == "close"


def test_fields_of_the_connection_are_dropped_with_every_status() -> None:
    dropped = [
        (name, "x") for name in ("Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Proxy-Authorization")
    ]
    for status in ("200 OK", "407 Proxy Authentication Required", "426 Upgrade Required", "304 Not Modified"):
        with serving(answering([], *dropped, ("Connection", "keep-alive"), status=status)) as server:
            _, fields, _ = split(talk(server, request()))
        assert fields.keys() <= {"date", "content-length", "connection"}
        assert fields["connection"] == "close"
