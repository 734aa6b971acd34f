"""WSGIServer: responses, connections, timeouts and the stop."""

import bz2
import enum
import gzip
import io
import logging
import lzma
import os
import re
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest
import wsproto
from support.child import run_script
from support.wsgi import answering, echo, hello, limits, logged, request, serving, split, talk, until_end
from wsproto import events

import greenrt
from greenrt.green import socket
from greenrt.serve import WSGIServer

StartResponse = Callable[..., Any]


# -- Framing of responses


@pytest.mark.parametrize(
    ("parts", "length"),
    [([b"hello"], "5"), ((b"hello",), "5"), ([b"he", b"llo"], "5"), ([], "0"), ([b""], "0")],
)
def test_a_list_has_a_length(parts: Any, length: str) -> None:
    with serving(answering(parts)) as server:
        status, fields, body = split(talk(server, request()))
    assert status == "HTTP/1.1 200 OK"
    assert fields["content-length"] == length
    assert body == b"".join(parts)
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", fields["date"])


def test_an_iterator_is_sent_in_chunks_as_it_comes() -> None:
    turn = greenrt.sync.event.Event()

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [])
        yield b"first"
        yield b""
        turn.wait()
        yield b"second"

    with serving(application) as server, socket.create_connection(server.address) as sock:
        sock.sendall(request())
        head = sock.recv(1000)
        assert b"Transfer-Encoding: chunked" in head
        assert head.endswith(b"\r\n\r\n5\r\nfirst\r\n")
        turn.set()
        assert until_end(sock) == b"6\r\nsecond\r\n0\r\n\r\n"


def test_http_1_0_gets_no_chunks() -> None:
    with serving(answering(iter([b"a", b"b"]))) as server:
        _, fields, body = split(talk(server, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))
    assert "transfer-encoding" not in fields
    assert fields["connection"] == "close"
    assert body == b"ab"


def test_http_1_0_keeps_the_connection_if_asked_to() -> None:
    with serving() as server:
        old = b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
        answer = talk(server, old + b"GET / HTTP/1.0\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"Connection: keep-alive") == 1
    assert answer.count(b"Connection: close") == 1


@pytest.mark.parametrize("parts", [[b"hello"], iter([b"hello"])], ids=["list", "iterator"])
def test_the_answer_to_head_has_no_body(parts: Any) -> None:
    with serving(answering(parts, ("Content-Length", "5"))) as server:
        answer = talk(server, request(line="HEAD / HTTP/1.1", close=False) + request(line="HEAD / HTTP/1.1"))
    assert answer.count(b"Content-Length: 5") == 2
    assert b"hello" not in answer


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_status_without_a_body(status: str) -> None:
    with serving(answering([b""], status=status)) as server:
        answer = talk(server, request(close=False) + request())
    assert answer.count(status.encode()) == 2
    assert b"Content-Length" not in answer
    assert b"Transfer-Encoding" not in answer


def test_write() -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        write = start_response("200 OK", [("Content-Length", "6")])
        write(b"abc")
        return [b"def"]

    with serving(application) as server:
        assert split(talk(server, request()))[2] == b"abcdef"


def test_a_large_body() -> None:
    body = os.urandom(3_000_000)
    with serving(answering([body])) as server:
        assert split(talk(server, request()))[2] == body
    with serving(echo) as server:
        sent = request(f"Content-Length: {len(body)}", line="POST / HTTP/1.1", body=body)
        assert split(talk(server, sent))[2].endswith(body)


@pytest.mark.parametrize("length", [None, "100000", "10"])
def test_a_file(length: str | None, tmp_path: Path) -> None:
    content = os.urandom(100_010)
    (tmp_path / "f").write_bytes(content)
    closed = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        file = (tmp_path / "f").open("rb")
        file.seek(10)
        closed.append(file)
        start_response("200 OK", [("Content-Length", length)] if length else [])
        return environ["wsgi.file_wrapper"](file)

    with serving(application) as server:
        _, fields, body = split(talk(server, request()))
        assert body == content[10:][: int(length) if length else None]
        assert int(fields["content-length"]) == len(body)
        assert split(talk(server, request(line="HEAD / HTTP/1.1")))[2] == b""
    assert all(file.closed for file in closed)


@pytest.mark.parametrize("opened", [lambda path: path.open("rb"), io.FileIO, lambda path: path.open("r+b")])
def test_a_file_is_sent_by_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Any) -> None:
    (tmp_path / "file").write_bytes(b"abc" * 100_000)
    sendfile, sent = os.sendfile, []

    def counting(*args: Any) -> int:
        sent.append(sendfile(*args))
        return sent[-1]

    monkeypatch.setattr(os, "sendfile", counting)

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](opened(tmp_path / "file"))

    with serving(application) as server:
        assert split(talk(server, request()))[2] == b"abc" * 100_000
    assert sum(sent) == 300_000


def test_a_patched_program_lets_the_kernel_send_a_file_too(tmp_path: Path) -> None:
    """Patching replaces `io.FileIO` and `io.BufferedReader`, but not what `open` makes of a regular file."""
    (tmp_path / "file").write_bytes(b"abc" * 100_000)
    output, _ = run_script(
        """
        from greenrt import monkey
        monkey.patch_all()
        import os, sys, urllib.request
        from greenrt.serve import WSGIServer
        sent, sendfile = [], os.sendfile
        def counting(*args):
            sent.append(sendfile(*args))
            return sent[-1]
        os.sendfile = counting
        def application(environ, start_response):
            start_response("200 OK", [])
            return environ["wsgi.file_wrapper"](open(sys.argv[1], "rb"))
        server = WSGIServer(("127.0.0.1", 0), application)
        server.start()
        assert len(urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/").read()) == 300_000
        print(sum(sent))
        """,
        str(tmp_path / "file"),
    )
    assert output == "300000\n"


class Upper(io.FileIO):
    """A file with a descriptor whose reads return other bytes than those in the file."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(-1 if size is None else size).upper()


class UpperInto(io.FileIO):
    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer)
        buffer[:count] = bytes(buffer[:count]).upper()
        return count


def zipped(path: Path) -> Any:
    return zipfile.ZipFile(path).open("member")


READERS = {
    "bz2": (lambda path, data: path.write_bytes(bz2.compress(data)), bz2.open),
    "gzip": (lambda path, data: path.write_bytes(gzip.compress(data)), gzip.open),
    "lzma": (lambda path, data: path.write_bytes(lzma.compress(data)), lzma.open),
    "zip": (lambda path, data: zipfile.ZipFile(path, "w").writestr("member", data), zipped),
    "a subclass": (lambda path, data: path.write_bytes(data.lower()), Upper),
    "a buffer over a subclass": (
        lambda path, data: path.write_bytes(data.lower()),
        lambda path: io.BufferedReader(UpperInto(path)),
    ),
}


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("reader", READERS)
def test_what_a_file_reads_is_sent_not_what_lies_on_the_disk(tmp_path: Path, reader: str) -> None:
    write, opened = READERS[reader]
    data = b"ABC" * 50_000
    write(tmp_path / "f", data)

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](opened(tmp_path / "f"))

    with serving(application) as server:
        answer = split(talk(server, request(line="GET / HTTP/1.0")))
        assert answer[0].split()[1] == "200"
        assert answer[2] == data


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux has these files")
@pytest.mark.parametrize("path", ["/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled"])
def test_a_file_whose_size_is_not_that_of_its_content(path: str) -> None:
    if not os.path.exists(path):
        pytest.skip(f"this kernel has no {path}")

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](open(path, "rb"))

    with serving(application) as server:
        assert split(talk(server, request(line="GET / HTTP/1.0")))[2] == Path(path).read_bytes()


class Text(str):
    """A str subclass like Django's SafeString: it prints as another text than the one it compares as."""

    def __str__(self) -> str:
        return "injected\r\nEvil: 1"

    __format__ = __str__  # type: ignore[assignment]


class Word(enum.StrEnum):
    STATUS = "200 OK"
    NAME = "X-Name"
    VALUE = "value"


class Octets(bytes):
    def __bytes__(self) -> bytes:
        return b"other"

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize(
    "body",
    [
        [Octets(b"abcdef")],
        [bytearray(b"abcdef")],
        [memoryview(b"abcdef")],
        [Octets(b"abc"), bytearray(b"def")],
    ],
)
@pytest.mark.parametrize("made", [list, iter])
@pytest.mark.parametrize("kind", [Text, Word])
def test_subclasses_of_str_and_bytes(kind: Any, made: Any, body: Any) -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response(kind("200 OK"), [(kind("X-Name"), kind("value"))])
        return made(body)

    with serving(application) as server:
        status, fields, answer = split(talk(server, request()))
        assert status == "HTTP/1.1 200 OK"
        assert fields["x-name"] == "value"
        assert "evil" not in fields
        assert b"abcdef" in answer or b"abc\r\n3\r\ndef" in answer


def test_what_only_looks_like_a_file() -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [("Content-Length", "3")])
        return environ["wsgi.file_wrapper"](io.BytesIO(b"abc"))

    with serving(application) as server:
        assert split(talk(server, request()))[2] == b"abc"


# -- Connections


def test_pipelined_requests_are_answered_in_order() -> None:
    sent = b"".join(
        request(f"Content-Length: {len(str(n))}", line=f"POST /{n} HTTP/1.1", body=b"%d" % n, close=False)
        for n in range(500)
    )
    with serving(echo) as server:
        answer = talk(server, sent + request(line="GET /end HTTP/1.1"))
    found = re.findall(rb"POST /(\d+) (\d+)HTTP", answer)
    assert found == [(b"%d" % n, b"%d" % n) for n in range(500)]
    assert answer.endswith(b"GET /end ")


def test_continue_is_sent_when_the_body_is_read() -> None:
    with serving(echo) as server, socket.create_connection(server.address) as sock:
        sock.sendall(request("Content-Length: 3", "Expect: 100-continue", line="POST / HTTP/1.1"))
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"abc")
        assert until_end(sock).endswith(b"POST / abc")


def test_continue_is_not_sent_for_an_unread_body() -> None:
    sent = request("Content-Length: 3", "Expect: 100-continue", line="POST / HTTP/1.1", close=False)
    with serving(hello) as server:
        answer = talk(server, sent)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"hello")


def test_a_short_unread_body_is_dropped() -> None:
    sent = request("Content-Length: 300", line="POST / HTTP/1.1", body=b"x" * 300, close=False)
    with serving() as server:
        assert talk(server, sent + sent + request()).count(b"HTTP/1.1 200 OK") == 3


def test_a_long_unread_body_ends_the_connection() -> None:
    size = 10_000_000
    sent = request(f"Content-Length: {size}", line="POST / HTTP/1.1", body=b"x" * 1000, close=False)
    with serving() as server:
        assert talk(server, sent).endswith(b"hello")


def test_a_body_that_breaks_off(caplog: pytest.LogCaptureFixture) -> None:
    caught: list[BaseException] = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        for _ in range(2):
            try:
                environ["wsgi.input"].read()
            except ConnectionError as error:
                caught.append(error)
        return hello(environ, start_response)

    with serving(application) as server:
        talk(server, request("Content-Length: 5", line="POST / HTTP/1.1", body=b"abc"), half_close=True)
    assert len(caught) == 2
    assert "before the end of the request body" in str(caught[0])


def test_input_has_all_that_pep_3333_asks_for() -> None:
    seen: list[Any] = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        body = environ["wsgi.input"]
        seen.append(
            [body.readline(), body.read(2), next(iter(body)), body.readlines(), body.read(), body.read(1)]
        )
        return hello(environ, start_response)

    with serving(application) as server:
        talk(server, request("Content-Length: 16", line="POST / HTTP/1.1", body=b"one\ntwo\nthree\n4\n"))
        talk(server, request())
    assert seen[0] == [b"one\n", b"tw", b"o\n", [b"three\n", b"4\n"], b"", b""]


def test_a_unix_socket() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = WSGIServer(f"unix:{folder}/s", hello)
        with server, socket.socket(socket.AF_UNIX) as sock:
            sock.connect(f"{folder}/s")
            sock.sendall(request())
            assert until_end(sock).endswith(b"hello")


def test_another_protocol_takes_the_socket() -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        sock, early = environ["greenrt.upgrade"]()
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n" + early
        )
        while data := sock.recv(1000):
            sock.sendall(data)
        return []

    with serving(application) as server, socket.create_connection(server.address) as sock:
        sock.sendall(request("Connection: Upgrade", "Upgrade: echo", close=False) + b"early")
        answer = sock.recv(1000)
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert answer.endswith(b"\r\n\r\nearly")
        sock.sendall(b"late")
        assert sock.recv(100) == b"late"
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(100) == b""


def test_a_websocket_library_takes_the_socket() -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        names = {
            key[5:].replace("_", "-"): value for key, value in environ.items() if key.startswith("HTTP_")
        }
        sock, early = environ["greenrt.upgrade"]()
        websocket = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        websocket.initiate_upgrade_connection(
            [(name.encode(), value.encode()) for name, value in names.items()], environ["REQUEST_URI"]
        )
        if early:
            websocket.receive_data(early)
        while True:
            for event in websocket.events():
                if isinstance(event, events.Request):
                    sock.sendall(websocket.send(events.AcceptConnection()))
                elif isinstance(event, events.TextMessage):
                    sock.sendall(websocket.send(events.TextMessage(event.data.upper())))
                elif isinstance(event, events.CloseConnection):
                    sock.sendall(websocket.send(event.response()))
                    return []
            websocket.receive_data(sock.recv(1000) or None)

    with serving(application) as server, socket.create_connection(server.address) as sock:
        client = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        sock.sendall(client.send(events.Request(host="test", target="/chat")))
        seen: list[Any] = []
        while not seen or not isinstance(seen[-1], events.CloseConnection):
            client.receive_data(sock.recv(1000))
            for event in client.events():
                seen.append(event)
                if isinstance(event, events.AcceptConnection):
                    sock.sendall(client.send(events.TextMessage("hello")))
                elif isinstance(event, events.TextMessage):
                    sock.sendall(client.send(events.CloseConnection(1000)))
    assert seen[1].data == "HELLO"


# -- The fields of a response


def test_headers_of_the_connection_are_the_servers() -> None:
    dropped = [
        ("Transfer-Encoding", "chunked"),
        ("Keep-Alive", "5"),
        ("Connection", "keep-alive"),
        ("Upgrade", "x"),
    ]
    with serving(answering([b"hello"], *dropped)) as server:
        _, fields, body = split(talk(server, request()))
    assert body == b"hello"
    assert fields.keys() == {"date", "content-length", "connection"}


def test_an_application_may_close_the_connection() -> None:
    with serving(answering([b"hello"], ("Connection", "close"))) as server:
        _, fields, _ = split(talk(server, request(close=False)))
    assert fields["connection"] == "close"


def test_start_response_again_with_exc_info() -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [("X", "y")])
        try:
            raise ValueError("seen")
        except ValueError as error:
            start_response("503 Busy", [], (type(error), error, error.__traceback__))
        return [b"busy"]

    with serving(application) as server:
        status, fields, _ = split(talk(server, request()))
    assert status == "HTTP/1.1 503 Busy"
    assert "x" not in fields


def test_the_validator_finds_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        body = environ["wsgi.input"].read(1000)
        environ["wsgi.errors"].write("seen\n")
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    with serving(validator(application)) as server:
        for sent in (request(), request("Content-Length: 3", line="POST / HTTP/1.1", body=b"abc")):
            assert split(talk(server, sent))[0] == "HTTP/1.1 200 OK"
    assert [record.getMessage() for record in caplog.records] == ["seen", "seen"]


# -- Timeouts and limits


def test_a_client_that_says_nothing_is_closed() -> None:
    with serving(limits=limits(idle_timeout=0.3)) as server:
        assert talk(server) == b""
        assert talk(server, request(close=False)).endswith(b"hello")


@pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\n", request(close=False)[:-1]])
def test_a_head_that_does_not_come_is_refused(sent: bytes) -> None:
    with serving(limits=limits(head_timeout=0.05)) as server:
        assert talk(server, sent).startswith(b"HTTP/1.1 408 ")


def test_a_head_that_comes_drop_by_drop_is_refused() -> None:
    with serving(limits=limits(head_timeout=0.2)) as server, socket.create_connection(server.address) as sock:
        began = time.monotonic()
        try:
            while time.monotonic() - began < 30:
                sock.sendall(b"GET / HTTP/1.1\r\nX: y"[: 1 if began else 0])
                greenrt.sleep(0.02)
        except OSError:
            pass
        assert time.monotonic() - began < 20


def test_a_body_that_comes_too_slowly_is_refused() -> None:
    with serving(echo, limits=limits(body_timeout=0.2, body_rate=100_000)) as server:
        with socket.create_connection(server.address) as sock:
            sock.sendall(request("Content-Length: 1000", line="POST / HTTP/1.1"))

            def drip() -> None:
                try:
                    for _ in range(1000):
                        sock.sendall(b"x")
                        greenrt.sleep(0.01)
                except OSError:
                    pass

            dripping = greenrt.spawn(drip)
            assert sock.recv(1000).startswith(b"HTTP/1.1 408 ")
            dripping.kill()


def test_a_client_that_does_not_read_is_dropped() -> None:
    ended: list[BaseException] = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        write = start_response("200 OK", [])
        try:
            while True:
                write(b"x" * 100_000)
        except OSError as error:
            ended.append(error)
            raise

    with serving(application, limits=limits(write_timeout=0.1)) as server:
        with socket.create_connection(server.address) as sock:
            sock.sendall(request())
            while not ended:
                greenrt.sleep(0.01)


def test_connections_of_one_address_are_bounded() -> None:
    with serving(limits=limits(connections_per_peer=2)) as server:
        held = [socket.create_connection(server.address) for _ in range(2)]
        for sock in held:
            sock.sendall(request(close=False))
            assert sock.recv(1000)
        with pytest.raises(ConnectionResetError), socket.create_connection(server.address) as sock:
            sock.sendall(request())
            assert sock.recv(1000) == b""
            raise ConnectionResetError
        for sock in held:
            sock.close()


def test_requests_of_one_connection_are_bounded() -> None:
    with serving(limits=limits(requests=2)) as server:
        answer = talk(server, request(close=False) * 5)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"Connection: close") == 1


# -- The log


def test_the_access_log() -> None:
    lines: list[str] = []
    with serving(echo, log=lines.append) as server:
        talk(server, request(line='GET /a"b?c HTTP/1.1'))
        talk(server, request(line="HEAD / HTTP/1.0"))
    first, second = "".join(lines).splitlines()
    assert re.fullmatch(
        r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:[\d:]{8} [+-]\d{4}\] "GET /a%22b\?c HTTP/1.1" 200 9', first
    )
    assert second.endswith('"HEAD / HTTP/1.0" 200 -')


def test_nothing_is_said_of_a_refused_request_but_why(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "greenrt.serve"), serving() as server:
        answer = talk(server, request("secret : 1", close=False))
    assert b"secret" not in answer
    assert logged(caplog) == ["a request from PEER was refused: 400 Bad Request: malformed header field name"]


# -- Stopping


def test_stop_answers_what_has_come() -> None:
    begun, go_on = greenrt.sync.event.Event(), greenrt.sync.event.Event()

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        begun.set()
        go_on.wait()
        return hello(environ, start_response)

    with serving(application) as server:
        idle = socket.create_connection(server.address)
        asking = greenrt.spawn(talk, server, request(close=False))
        begun.wait()
        stopping = greenrt.spawn(server.stop, 30)
        assert idle.recv(100) == b""
        idle.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(server.address)
        go_on.set()
        _, fields, body = split(asking.get())
        assert body == b"hello"
        assert fields["connection"] == "close"
        stopping.get()


def test_stop_waits_for_the_first_request_of_a_connection() -> None:
    with serving(hello) as server:
        # One connection that the server has accepted, and one that waits in the kernel.
        taken_in = socket.create_connection(server.address)
        while not server._connections:
            greenrt.sleep(0.01)
        waiting = socket.create_connection(server.address)
        stopping = greenrt.spawn(server.stop, 30)
        greenrt.sleep(0.3)
        for sock in (taken_in, waiting):
            with sock:
                sock.sendall(request())
                _, fields, body = split(until_end(sock))
                assert body == b"hello"
                assert fields["connection"] == "close"
        stopping.get()


def test_stop_does_not_wait_for_the_next_request_of_a_connection() -> None:
    with serving(hello) as server:
        with (
            socket.create_connection(server.address) as used,
            socket.create_connection(server.address) as new,
        ):
            used.sendall(request(close=False))
            assert used.recv(4096)
            stopping = greenrt.spawn(server.stop, 30)
            assert used.recv(100) == b""
            # The other connection may still wait.
            assert not stopping.ready()
            assert new.recv(100) == b""
        stopping.get(timeout=10)


def test_stop_ends_with_the_last_request_and_does_not_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request of each connection wakes the server before its time for them is over."""
    pauses: list[float] = []

    def counted(seconds: float) -> None:
        pauses.append(seconds)
        greenrt.sleep(seconds)

    monkeypatch.setattr("greenrt.serve.wsgi.sleep", counted)
    with serving(hello) as server:
        clients = [socket.create_connection(server.address) for _ in range(3)]
        while server.connections < 3:
            greenrt.sleep(0.01)
        stopping = greenrt.spawn(server.stop, 30)
        for sock in clients:
            greenrt.sleep(0.03)
            with sock:
                sock.sendall(request())
                assert split(until_end(sock))[2] == b"hello"
        stopping.get()
    assert pauses
    assert not any(pauses)


def test_stop_kills_what_does_not_end() -> None:
    begun = greenrt.Event()
    ended: list[BaseException] = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        begun.set()
        try:
            greenrt.sleep(100)
        except BaseException as error:
            ended.append(error)
            raise

    with serving(application) as server:
        asking = greenrt.spawn(talk, server, request())
        begun.wait()
        server.stop(0.05)
        with pytest.raises(ConnectionResetError):
            asking.get()
    assert isinstance(ended[0], greenrt.GreenletExit)


def test_what_a_server_needs() -> None:
    with pytest.raises(TypeError, match="no application"):
        WSGIServer(0).start()
    with pytest.raises(TypeError, match="callable"):
        WSGIServer(0, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="log must be"):
        WSGIServer(0, hello, log=5)
