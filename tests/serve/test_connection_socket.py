"""``gunicorn.socket`` and ``werkzeug.socket`` in the environ: the first use takes the connection from the server."""

from collections.abc import Callable
from typing import Any

import pytest
from support.wsgi import request, serving, talk

from greenrt.green import socket

StartResponse = Callable[..., Any]
FIELDS = ("Connection: Upgrade", "Upgrade: echo")
KEYS = pytest.mark.parametrize("key", ["gunicorn.socket", "werkzeug.socket"])


def upgrade(*more: str) -> bytes:
    return request(*FIELDS, *more, close=False)


def taking(key: str, how: Callable[[Any], Any], end: Any = ()) -> Any:
    """Return an application that gives `how` the socket, and then raises or returns `end`."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        how(environ[key])
        if isinstance(end, BaseException):
            raise end
        start_response("200 OK", [])
        return end

    return application


def echo(sock: Any) -> None:
    sock.sendall(b"<")
    while data := sock.recv(3):
        sock.sendall(data)
    sock.sendall(b">")


def echo_into(sock: Any) -> None:
    sock.send(b"<")
    buffer = bytearray(10)
    while count := sock.recv_into(buffer, 3):
        sock.sendall(buffer[:count])
    sock.sendall(b">")


def echo_from(sock: Any) -> None:
    for _ in range(2):
        # How the kernel cuts what follows is not known.
        assert sock.recv(5, socket.MSG_PEEK) == b"early"
    sock.settimeout(20)
    sock.sendall(b"<")
    while data := sock.recvfrom(2)[0]:
        sock.sendall(data)
    sock.sendall(b">")


@KEYS
@pytest.mark.parametrize("how", [echo, echo_into, echo_from])
@pytest.mark.parametrize(
    "end",
    [(), [b"body"], iter([b"body"]), StopIteration(), ConnectionError(), ConnectionResetError()],
    ids=lambda end: type(end).__name__,
)
def test_bytes_that_came_with_the_request_come_first(
    key: str, how: Any, end: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[str] = []
    with serving(taking(key, how, end), log=lines.append) as server:
        answer = talk(server, upgrade() + b"early", b"late", half_close=True)
        assert answer == b"<earlylate>"
    assert not caplog.records
    assert '"GET / HTTP/1.1" - -' in "".join(lines)


def test_a_failure_is_logged_and_nothing_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[Any] = []
    application = taking("gunicorn.socket", echo, ZeroDivisionError("seen"))
    with serving(application, on_error=lambda environ, error: failures.append(error)) as server:
        assert talk(server, upgrade(), half_close=True) == b"<>"
    assert len(caplog.records) == len(failures) == 1


def test_a_generator_takes_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        echo(environ["werkzeug.socket"])
        yield b""

    with serving(application) as server:
        assert talk(server, upgrade() + b"x", half_close=True) == b"<x>"
    assert not caplog.records


def test_a_body_sent_after_the_connection_was_taken_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        write = start_response("200 OK", [])
        echo(environ["werkzeug.socket"])
        write(b"body")
        return []

    with serving(application) as server:
        assert talk(server, upgrade(), half_close=True) == b"<>"
    assert "the connection was handed over" in str(caplog.records[0].exc_info)


@KEYS
def test_the_server_answers_where_the_socket_was_only_looked_at(key: str) -> None:
    def look(sock: Any) -> None:
        assert sock.fileno() > 0
        assert sock.getpeername()[0] == sock.getsockname()[0] == "127.0.0.1"
        assert sock.family == socket.AF_INET
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert callable(sock.recv)
        assert callable(sock.shutdown)
        assert not hasattr(sock, "__html__")
        assert not hasattr(sock, "nonsense")
        assert "ConnectionSocket" in repr(sock)

    with serving(taking(key, look, [b"fine"])) as server:
        answer = talk(server, upgrade() + request(*FIELDS))
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.endswith(b"fine")


def test_the_new_protocol_begins_after_the_body() -> None:
    with serving(taking("gunicorn.socket", echo)) as server:
        answer = talk(server, upgrade("Content-Length: 4") + b"bodyearly", half_close=True)
    assert answer == b"<early>"


@pytest.mark.parametrize("name", ["makefile", "dup", "recvmsg", "detach"])
def test_methods_that_would_lose_bytes_say_so(name: str) -> None:
    def use(sock: Any) -> None:
        with pytest.raises(NotImplementedError, match=f"5 bytes were received .* before {name}"):
            getattr(sock, name)(*([100] if name == "recvmsg" else []))
        echo(sock)

    with serving(taking("gunicorn.socket", use)) as server:
        assert talk(server, upgrade() + b"early", half_close=True) == b"<early>"


def test_other_requests_have_no_socket() -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [])
        return [b"%d" % ("gunicorn.socket" in environ or "werkzeug.socket" in environ)]

    with serving(application) as server:
        assert talk(server, request()).endswith(b"\r\n\r\n0")
