"""A raw HTTP client: it sends the test's bytes unchanged, and returns all bytes of the server."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import greenrt
from greenrt.green import socket
from greenrt.serve import Limits, WSGIServer

Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


def hello(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def answering(parts: Any, *headers: tuple[str, str], status: str = "200 OK") -> Any:
    """Return an application that sends this response."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response(status, list(headers))
        return parts

    return application


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [environ["REQUEST_METHOD"].encode(), b" ", environ["PATH_INFO"].encode("latin-1"), b" ", body]


@contextmanager
def serving(application: Application = hello, **options: Any) -> Iterator[WSGIServer]:
    """Run a server on a free port. A minute is enough for every test, so the server keeps its own timeouts."""
    server = WSGIServer(("127.0.0.1", 0), application, **options)
    server.start()
    try:
        with greenrt.Timeout(60):
            yield server
    finally:
        server.stop(5)


def limits(**values: Any) -> Limits:
    return Limits(**values)


def talk(server: WSGIServer, *pieces: bytes, half_close: bool = False) -> bytes:
    """Send the pieces; return the bytes received until the server closes."""
    with socket.create_connection(server.address, 30) as sock:
        for piece in pieces:
            sock.sendall(piece)
            greenrt.sleep(0)
        if half_close:
            sock.shutdown(socket.SHUT_WR)
        return until_end(sock)


def until_end(sock: Any) -> bytes:
    found = bytearray()
    while data := sock.recv(65536):
        found += data
    return bytes(found)


def request(*fields: str, line: str = "GET / HTTP/1.1", body: bytes = b"", close: bool = True) -> bytes:
    """Return a request with a Host; by default it is the last one on its connection."""
    lines = [line, "Host: test", *fields]
    if close:
        lines.append("Connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def split(response: bytes) -> tuple[str, dict[str, str], bytes]:
    """Return the status line, the fields by lower-case name, and the rest of one response."""
    head, _, body = response.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    return line, {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}, body


class InMemory(WSGIServer):
    """A server to which a test passes connections by calls of `handle`."""

    started = True

    def __init__(self, application: Application | None = None, **options: Any) -> None:
        super().__init__(("127.0.0.1", 0), application, **options)


class Pieces:
    """A socket that receives these pieces, then the end of the stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces
        self.held = b""
        self.sent = bytearray()

    def recv(self, size: int) -> bytes:
        data = self.held or next(self.pieces, b"")
        self.held = data[size:]
        return data[:size]

    def recv_into(self, view: memoryview) -> int:
        data = self.recv(len(view))
        view[: len(data)] = data
        return len(data)

    def send(self, data: bytes) -> int:
        self.sent += data
        return len(data)

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 80

    def settimeout(self, seconds: float | None) -> None: ...

    def shutdown(self, how: int) -> None: ...

    def setsockopt(self, *options: Any) -> None: ...


def logged(caplog: Any) -> list[str]:
    """Return the messages of the error log, with PEER in place of a client's address and port."""
    return [re.sub(r"\b127\.0\.0\.1:\d+\b", "PEER", record.getMessage()) for record in caplog.records]
