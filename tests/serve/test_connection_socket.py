"""The environ's ``gunicorn.socket`` and ``werkzeug.socket``: the first use takes the connection from the server."""

import os
import struct
from collections.abc import Callable
from typing import Any

import pytest
from support.tls import contexts
from support.wsgi import request, serving, talk

import greenrt
from greenrt import monkey
from greenrt.green import select, socket, ssl

StartResponse = Callable[..., Any]
FIELDS = ("Connection: Upgrade", "Upgrade: echo")
KEYS = pytest.mark.parametrize("key", ["gunicorn.socket", "werkzeug.socket"])


def upgrade(*more: str) -> bytes:
    return request(*FIELDS, *more, close=False)


def taking(key: str, how: Callable[[Any], Any], end: Any = ()) -> Any:
    """Return an application that passes the socket to `how`, and then raises or returns `end`."""

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
        # The boundaries of the following bytes are not known.
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


def echo_by_makefile(sock: Any) -> None:
    with sock.makefile("rwb", buffering=0) as file:
        file.write(b"<")
        while data := file.read(4):
            file.write(data)
        file.write(b">")


def echo_by_dup(sock: Any) -> None:
    sock.send(b"<")
    with sock.dup() as again:
        while data := again.recv(4):
            again.sendall(data)
        again.sendall(b">")


def echo_by_recvmsg(sock: Any) -> None:
    sock.sendmsg([b"<"])
    while data := sock.recvmsg(4)[0]:
        sock.sendmsg([data])
    sock.sendmsg([b">"])


def echo_by_select(sock: Any) -> None:
    sock.sendall(b"<")
    while select.select([sock], [], [], 20)[0]:
        data = sock.recv(4)
        if not data:
            break
        assert select.select([], [sock], [], 20)[1]
        sock.sendall(data)
    sock.sendall(b">")


def echo_by_poll(sock: Any) -> None:
    sock.sendall(b"<")
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    while poll.poll(20_000) and (data := sock.recv(4)):
        sock.sendall(data)
    sock.sendall(b">")


def echo_in_native_thread(sock: Any) -> None:
    sock.setblocking(True)
    greenrt.get_hub().threadpool.apply(echo_by_original_select, (sock.fileno(),))


def echo_by_original_select(fd: int) -> None:
    os.write(fd, b"<")
    select_original = monkey.get_original("select", "select")
    while select_original([fd], [], [], 20)[0] and (data := os.read(fd, 4)):
        os.write(fd, data)
    os.write(fd, b">")


def echo_with_timeout(sock: Any) -> None:
    sock.settimeout(20)
    echo_by_select(sock)
    assert sock.gettimeout() == 20


WAYS = [echo_by_makefile, echo_by_dup, echo_by_recvmsg, echo_by_select, echo_by_poll, echo_in_native_thread]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("early", [b"early", b""], ids=["early bytes", "none"])
def test_each_way_to_use_the_connection_finds_all_bytes(how: Any, early: bytes) -> None:
    with serving(taking("gunicorn.socket", how)) as server:
        assert talk(server, upgrade() + early, b"late", half_close=True) == b"<%blate>" % early


# TLS sockets have no dup and no recvmsg.
TLS_WAYS = [
    echo,
    echo_into,
    echo_by_makefile,
    echo_by_select,
    echo_with_timeout,
    echo_by_poll,
    echo_in_native_thread,
]


@pytest.mark.parametrize(
    ("how", "early"),
    [(how, b"early" * 1000) for how in (echo, echo_into, *WAYS)] + [(how, b"") for how in TLS_WAYS],
)
def test_all_bytes_over_tls(how: Any, early: bytes) -> None:
    client, context = contexts(ssl)
    with serving(taking("gunicorn.socket", how), ssl_context=context) as server:
        with socket.create_connection(server.address, 30) as plain:
            with client.wrap_socket(plain, server_hostname="localhost") as sock:
                # The records are larger than one read: the rest waits in the TLS layer.
                sock.sendall(upgrade() + early)
                sock.sendall(b"late" * 3000)
                found = b""
                while len(found) < 12_001 + len(early):
                    found += sock.recv(65536)
                assert found == b"<" + early + b"late" * 3000


def test_the_end_of_the_application_sends_all_and_closes() -> None:
    def use(sock: Any) -> None:
        sock.sendall(b"x" * 1_000_000)
        assert sock.getpeername()[0] == "127.0.0.1"
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) in (0, 1)
        assert sock.gettimeout() is None

    before = len(os.listdir("/proc/self/fd"))
    with serving(taking("gunicorn.socket", use)) as server:
        assert talk(server, upgrade() + b"early") == b"x" * 1_000_000
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_client_that_resets_ends_the_stream() -> None:
    ended: list[bytes] = []

    def use(sock: Any) -> None:
        sock.sendall(b"<")
        assert sock.recv(5) == b"early"
        ended.append(sock.recv(5))

    with serving(taking("gunicorn.socket", use)) as server:
        with socket.create_connection(server.address, 30) as client:
            client.sendall(upgrade() + b"early")
            assert client.recv(1) == b"<"
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        while not ended:
            greenrt.sleep(0.001)
    assert ended == [b""]


def test_other_requests_have_no_socket() -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [])
        return [b"%d" % ("gunicorn.socket" in environ or "werkzeug.socket" in environ)]

    with serving(application) as server:
        assert talk(server, request()).endswith(b"\r\n\r\n0")
