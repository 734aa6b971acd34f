"""Servers over TLS: handshakes that succeed, fail and never end."""

import ssl as stdlib_ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.tls import CERTIFICATE
from support.wsgi import hello, limits, request, serving, split, until_end

import greenrt
from greenrt.green import socket, ssl
from greenrt.serve import StreamServer
from greenrt.serve.http.connection_state import IDLE


def connect(address: Any) -> Any:
    context = ssl.create_default_context(cafile=CERTIFICATE)
    return context.wrap_socket(socket.create_connection(address, 30), server_hostname="localhost")


def standard_context() -> stdlib_ssl.SSLContext:
    context = stdlib_ssl.SSLContext(stdlib_ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def green_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


@pytest.mark.parametrize("options", ["certfile", "standard", "green"])
def test_a_server_over_tls(options: str) -> None:
    chosen: dict[str, Any] = {
        "certfile": lambda: {"certfile": CERTIFICATE},
        "standard": lambda: {"ssl_context": standard_context()},
        "green": lambda: {"ssl_context": green_context()},
    }[options]()
    seen: list[dict[str, Any]] = []

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        seen.append(environ)
        return hello(environ, start_response)

    with serving(application, **chosen) as server:
        with connect(server.address) as sock:
            sock.sendall(request(close=False) + request())
            assert until_end(sock).count(b"hello") == 2
    assert seen[0]["wsgi.url_scheme"] == "https"


def test_a_body_that_ends_with_the_connection_ends_properly() -> None:
    """The client can distinguish it from a truncated response."""

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        yield b"a" * 100_000
        yield b"b"

    with serving(application, certfile=CERTIFICATE) as server:
        context = ssl.create_default_context(cafile=CERTIFICATE)
        plain = socket.create_connection(server.address, 30)
        with context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as sock:
            sock.sendall(request(line="GET / HTTP/1.0"))
            assert split(until_end(sock))[2] == b"a" * 100_000 + b"b"


@pytest.mark.parametrize("end", ["idle", "stop"])
def test_a_connection_without_a_request_ends_properly(end: str) -> None:
    """The client sees the end of TLS, not only the end of the connection, and no alert."""
    times = limits(idle_timeout=0.5 if end == "idle" else None)
    with serving(certfile=CERTIFICATE, limits=times) as server:
        context = ssl.create_default_context(cafile=CERTIFICATE)
        plain = socket.create_connection(server.address, 30)
        with context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as sock:
            sock.sendall(request(close=False))
            assert sock.recv(1000).endswith(b"hello")
            stopping = greenrt.spawn(server.stop, 30) if end == "stop" else None
            assert sock.recv(1) == b""
        if stopping is not None:
            stopping.get()


def test_what_comes_when_the_server_stops_is_answered_in_tls() -> None:
    with serving(certfile=CERTIFICATE) as server, connect(server.address) as sock:
        sock.sendall(request(close=False))
        assert sock.recv(1000).endswith(b"hello")
        # The request is in the server's kernel, and the server has not read it.
        sock.sendall(request(close=False))
        for connection in server._connections:
            assert connection.state == IDLE
            connection.finish()
        assert until_end(sock).endswith(b"hello")


def test_a_file_over_tls(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc" * 50_000)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"]((tmp_path / "f").open("rb"))

    with serving(application, certfile=CERTIFICATE) as server, connect(server.address) as sock:
        sock.sendall(request())
        assert split(until_end(sock))[2] == b"abc" * 50_000


def test_handshakes_that_fail_or_stall_do_not_matter(caplog: pytest.LogCaptureFixture) -> None:
    with serving(certfile=CERTIFICATE, limits=limits(head_timeout=1)) as server:
        stalled = socket.create_connection(server.address, 30)
        with socket.create_connection(server.address, 30) as plain:
            plain.sendall(request())
            with suppress(ConnectionResetError):
                assert b"HTTP" not in until_end(plain)
        with connect(server.address) as sock:
            sock.sendall(request())
            assert until_end(sock).endswith(b"hello")
        assert stalled.recv(100) == b""
        stalled.close()
    assert caplog.records == []


def test_a_certificate_is_replaced() -> None:
    with StreamServer(
        ("127.0.0.1", 0), lambda sock, address: sock.sendall(b"x"), certfile=CERTIFICATE
    ) as server:
        old, server.ssl_context = server.ssl_context, green_context()
        with connect(server.address) as sock:
            assert sock.recv(10) == b"x"
        assert server.ssl_context is not old


def test_what_is_refused() -> None:
    with pytest.raises(TypeError, match="both given"):
        StreamServer(0, print, ssl_context=green_context(), certfile=CERTIFICATE)
    with pytest.raises(TypeError, match="certfile"):
        StreamServer(0, print, keyfile=CERTIFICATE)
    with pytest.raises(FileNotFoundError):
        StreamServer(0, print, certfile="/nowhere")


def test_a_client_resumes_its_session_connection_after_connection() -> None:
    with serving(hello, certfile=CERTIFICATE) as server:
        context = ssl.create_default_context(cafile=CERTIFICATE)
        session = None
        for number in range(3):
            plain = socket.create_connection(server.address, 30)
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as sock:
                sock.sendall(request())
                assert until_end(sock).count(b"hello") == 1
                assert sock.session_reused is (number > 0)
                session = sock.session
