"""eventlet's servers over greenrt: `wsgi.server`, WebSockets, `serve`, the backdoor, and its sockets."""

import io
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from greenrt.compat import eventlet
from greenrt.compat.eventlet import backdoor, greenio, websocket, wsgi

# A wait of a test that fails.
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    with eventlet.Timeout(PATIENCE):
        yield


@contextmanager
def serving(app: Callable[..., Any], **options: Any) -> Iterator[tuple[Any, io.StringIO]]:
    """Serve an application; yield the address and the log."""
    log = io.StringIO()
    listener = eventlet.listen(("127.0.0.1", 0))
    address = listener.getsockname()
    server = eventlet.spawn(wsgi.server, listener, app, log=log, **options)
    try:
        yield address, log
    finally:
        server.kill()
        server.join()


def hello(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"hello"]


def ask(address: Any, request: bytes, close: bool = True) -> tuple[bytes, bytes]:
    """Send a request and return the head and the body of the response, which ends with the connection."""
    with eventlet.connect(address) as sock:
        sock.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1) if close else request)
        data = b"".join(iter(lambda: sock.recv(65536), b""))
    head, _, body = data.partition(b"\r\n\r\n")
    return head, body


GET = b"GET /path?query HTTP/1.1\r\nHost: here\r\n\r\n"


def test_a_request_is_answered_and_logged() -> None:
    with serving(hello) as (address, log):
        head, body = ask(address, GET)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nContent-Type: text/plain\r\n" in head
        assert body == b"hello"
    assert "127.0.0.1 - - [" in log.getvalue()
    assert '"GET /path?query HTTP/1.1" 200 5 0.' in log.getvalue()
    assert "wsgi starting up on http://127.0.0.1:" in log.getvalue()


def test_a_connection_carries_several_requests() -> None:
    with serving(hello) as (address, _), eventlet.connect(address) as sock:
        file = sock.makefile("rb")
        for _ in range(3):
            sock.sendall(GET)
            while file.readline() != b"\r\n":
                pass
            assert file.read(5) == b"hello"
        file.close()


def test_the_log_can_be_another() -> None:
    with serving(hello, log_format="%(request_line)s from %(client_ip)s", debug=False) as (address, log):
        ask(address, GET.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n"))
    assert "GET /path?query HTTP/1.1 from 10.0.0.1,127.0.0.1\n" in log.getvalue()
    assert "accepted" not in log.getvalue()
    with serving(hello, log_output=False) as (address, log):
        ask(address, GET)
    assert log.getvalue() == ""


@pytest.mark.parametrize("debug", [True, False])
def test_a_failure_is_answered_with_500(debug: bool) -> None:
    def fail(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        raise KeyError("on purpose")

    with serving(fail, debug=debug) as (address, log):
        head, body = ask(address, GET)
    assert head.startswith(b"HTTP/1.1 500 ")
    assert (b"on purpose" in body) is debug
    assert "on purpose" in log.getvalue()


def test_small_parts_are_joined() -> None:
    def parts(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        if environ["PATH_INFO"] == "/each":
            environ["eventlet.minimum_write_chunk_size"] = 0
        start_response("200 OK", [])
        return iter((b"a", b"b"))

    with serving(parts) as (address, _):
        assert ask(address, GET)[1] == b"2\r\nab\r\n0\r\n\r\n"
        assert ask(address, GET.replace(b"/path", b"/each"))[1] == b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"


def test_hooks_are_called_after_the_response() -> None:
    calls: list[Any] = []

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        environ["eventlet.posthooks"].append(
            (lambda environ, *args, **kwargs: calls.append((args, kwargs)), (1,), {"b": 2})
        )
        return hello(environ, start_response)

    with serving(app) as (address, _):
        ask(address, GET)
    assert calls == [((1,), {"b": 2})]


def test_100_continue_has_headers() -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        environ["wsgi.input"].set_hundred_continue_response_headers([("x-key", "value")])
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    request = b"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody"
    with serving(app) as (address, _):
        head, rest = ask(address, request)
    assert head == b"HTTP/1.1 100 Continue\r\nX-Key: value"
    assert rest.endswith(b"\r\n\r\nbody")


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: here\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nHost: here\r\nX: " + b"x" * 9000 + b"\r\n\r\n", b"431"),
    ],
)
def test_requests_that_are_refused(request_text: bytes, status: bytes) -> None:
    with serving(hello) as (address, _):
        assert ask(address, request_text, close=False)[0].split()[1] == status


def test_a_malformed_chunk_raises_chunk_read_error() -> None:
    errors: list[str] = []

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except wsgi.ChunkReadError as error:
            errors.append(str(error))
            raise
        return hello(environ, start_response)

    request = b"PUT / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nwrong\r\n"
    with serving(app) as (address, _):
        assert ask(address, request)[0].split()[1] == b"400"
    assert errors


def test_the_end_waits_for_requests_in_flight() -> None:
    inside, go = eventlet.Event(), eventlet.Event()

    def slow(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        inside.send()
        go.wait()
        return hello(environ, start_response)

    listener = eventlet.listen(("127.0.0.1", 0))
    address = listener.getsockname()
    server = eventlet.spawn(wsgi.server, listener, slow, log=io.StringIO())
    answer = eventlet.spawn(ask, address, GET)
    inside.wait()
    server.kill()
    assert not server.dead
    go.send()
    assert answer.wait()[1] == b"hello"
    server.join()
    with pytest.raises(OSError, match="refused"):
        eventlet.connect(address)


# -- WebSockets

HANDSHAKE = (
    "GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: d9MXuOzlVQ0h+qRllvSCIg==\r\n{}\r\n"
)
DEFLATE = {"client_no_context_takeover": True, "server_no_context_takeover": False}


@websocket.WebSocketWSGI
def echo(ws: Any) -> None:
    while (message := ws.wait()) is not None:
        ws.send(message)


@contextmanager
def connected(address: Any, extensions: Any = None) -> Iterator[Any]:
    header = (
        "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n" if extensions else ""
    )
    with eventlet.connect(address) as sock:
        sock.sendall(HANDSHAKE.format(header).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: ytWnhQYVHZCLqvAGVv4j6mPBDXg=\r\n" in head or b"Accept: " in head
        assert (b"permessage-deflate" in head) is bool(extensions)
        yield websocket.RFC6455WebSocket(sock, {}, client=True, extensions=extensions)


@pytest.mark.parametrize("extensions", [None, {"permessage-deflate": DEFLATE}], ids=["plain", "deflate"])
def test_messages_come_back(extensions: Any) -> None:
    with serving(echo) as (address, _), connected(address, extensions) as ws:
        for message in ("text", "ünï", b"bytes", "", b"x" * 70_000, "y" * 300):
            ws.send(message)
            assert ws.wait() == message
        ws.close((1000, "bye"))


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\x81\x00", 1002),
        (b"\x81\x81\0\0\0\0\xff", 1007),
        (b"\x80\x80\0\0\0\0", 1002),
        (b"\xc1\x80\0\0\0\0", 1002),
        (b"\x82\xff\0\0\0\0\x10\0\0\0\0\0\0\0", 1009),
        (b"\x88\x81\0\0\0\0\x03", 1002),
    ],
)
def test_malformed_frames_close_the_websocket(frame: bytes, code: int) -> None:
    with serving(echo) as (address, _), connected(address) as ws:
        ws.socket.sendall(frame)
        assert ws.wait() is None
        assert ws.close_code == code


def test_a_ping_is_answered() -> None:
    with serving(echo) as (address, _), connected(address) as ws:
        ws._send_frame(websocket.PING, b"data")
        assert ws._frame(100) == (True, False, websocket.PONG, b"data")


def test_handshakes_are_refused() -> None:
    def strangers(host: str, origin: str) -> bool:
        return False

    with serving(echo) as (address, _):
        assert ask(address, GET)[0].split()[1] == b"400"
        wrong = HANDSHAKE.format("").replace("Version: 13", "Version: 7").encode()
        assert ask(address, wrong, close=False)[0].split()[1] == b"426"
    with serving(websocket.WebSocketWSGI.configured(echo.handler, origin_checker=strangers)) as (address, _):
        assert ask(address, HANDSHAKE.format("").encode(), close=False)[0].split()[1] == b"403"


# -- Other servers, and sockets


def test_serve_ends_by_stop_serve() -> None:
    def handle(sock: Any, address: Any) -> None:
        if sock.recv(4) == b"stop":
            raise eventlet.StopServe
        sock.sendall(b"answer")

    listener = eventlet.listen(("127.0.0.1", 0))
    server = eventlet.spawn(eventlet.serve, listener, handle)
    with eventlet.connect(listener.getsockname()) as sock:
        sock.sendall(b"more")
        assert sock.recv(6) == b"answer"
    with eventlet.connect(listener.getsockname()) as sock:
        sock.sendall(b"stop")
        assert server.wait() is None
    listener.close()


def test_the_backdoor_has_a_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    listener = eventlet.listen(("127.0.0.1", 0))
    server = eventlet.spawn(backdoor.backdoor_server, listener, {"answer": 42})
    before = sys.stdout
    with eventlet.connect(listener.getsockname()) as sock:
        file = sock.makefile("rw")
        file.write("print('the answer is', answer)\n1 // 0\nexit()\n")
        file.flush()
        text = file.read()
    server.kill()
    assert "the answer is 42" in text
    assert "ZeroDivisionError" in text
    while sys.stdout is not before:
        eventlet.sleep(0.01)
    assert "backdoor server listening on 127.0.0.1:" in capsys.readouterr().out


def test_a_socket_becomes_green() -> None:
    plain, other = socket.socketpair()
    plain.settimeout(0.01)
    with other:
        green = greenio.GreenSocket(plain)
        assert green.fd is plain
        with pytest.raises(TimeoutError):
            green.recv(1)
        green.mark = "an attribute of the program's"
        eventlet.spawn(other.send, b"x")
        green.settimeout(PATIENCE)
        assert green.recv(1) == b"x"
        green.close()
        assert plain.fileno() == -1
        assert other.recv(1) == b""


def test_a_pipe_becomes_green() -> None:
    import os

    reader, writer = os.pipe()
    with greenio.GreenPipe(reader, "rb") as reading, greenio.GreenPipe(writer, "wb", 0) as writing:
        eventlet.spawn_after(0.01, writing.write, b"line\n")
        assert reading.readline() == b"line\n"


def test_sockets_of_zeromq() -> None:
    pytest.importorskip("zmq", reason="needs pyzmq: pip install pyzmq")
    from greenrt.compat.eventlet.green import zmq

    context = zmq.Context()
    with context.socket(zmq.REP) as rep, context.socket(zmq.REQ) as req:
        req.connect(f"tcp://127.0.0.1:{rep.bind_to_random_port('tcp://127.0.0.1')}")

        def answer() -> None:
            for _ in range(100):
                rep.send_multipart([b"answer", *rep.recv_multipart()])

        server = eventlet.spawn(answer)
        for n in range(100):
            req.send(b"%d" % n)
            assert req.recv_multipart() == [b"answer", b"%d" % n]
        server.wait()
        rep.setsockopt(zmq.RCVTIMEO, 10)
        with pytest.raises(zmq.Again) as caught:
            rep.recv()
        assert eventlet.is_timeout(caught.value)
        assert rep.poll(10) == 0
    context.destroy(0)
