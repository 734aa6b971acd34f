"""gevent.pywsgi: handlers with hooks, environs, logs and upgrades, over greenrt's HTTP engine."""

import io
import logging
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.tls import CERTIFICATE
from support.wsgi import answering, echo, hello, limits, request, split, talk, until_end

import greenrt
from greenrt.compat.gevent import pywsgi
from greenrt.compat.gevent.pywsgi import WSGIHandler, WSGIServer
from greenrt.compat.gevent.server import StreamServer
from greenrt.green import socket, ssl
from greenrt.inspect import dump


@contextmanager
def serving(application: Any = hello, kind: Any = WSGIServer, **options: Any) -> Iterator[Any]:
    options.setdefault("log", None)
    server = kind(("127.0.0.1", 0), application, **options)
    server.start()
    try:
        with greenrt.Timeout(60):
            yield server
    finally:
        server.stop()


def handler(**attributes: Any) -> Any:
    """Return a subclass of WSGIHandler with these attributes."""
    return type("Handler", (WSGIHandler,), attributes)


def chunks(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"a"
    yield b""
    yield b"b"


def announced(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Length", "3")])
    yield b"abc"


def test_requests_follow_each_other_on_a_connection() -> None:
    with serving(echo) as server:
        answers = talk(
            server,
            request("Content-Length: 3", line="POST /a HTTP/1.1", body=b"abc", close=False),
            request(
                "Transfer-Encoding: chunked",
                line="PUT /b HTTP/1.1",
                body=b"2\r\nhi\r\n0\r\n\r\n",
                close=False,
            ),
            request(line="HEAD /c HTTP/1.1"),
        )
    assert re.findall(rb"(?m)^Content-Length: (\d+)\r$", answers) == [b"11", b"9", b"8"]
    assert answers.endswith(b"Connection: close\r\n\r\n")
    assert b"\r\n\r\nPOST /a abc" in answers
    assert b"\r\n\r\nPUT /b hi" in answers


@pytest.mark.parametrize("kind", [None, handler(write=lambda self, data: WSGIHandler.write(self, data))])
@pytest.mark.parametrize(
    ("application", "framing", "body"),
    [
        (answering([b"ab", b"c"]), ("content-length", "3"), b"abc"),
        (answering([]), ("content-length", "0"), b""),
        (answering([], status="204 No Content"), ("connection", "close"), b""),
        (chunks, ("transfer-encoding", "chunked"), b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
        (announced, ("content-length", "3"), b"abc"),
    ],
    ids=["list", "empty", "no content", "generator", "announced"],
)
def test_the_framing_is_the_same_with_an_override_of_write(
    kind: Any, application: Any, framing: tuple[str, str], body: bytes
) -> None:
    with serving(application, handler_class=kind) as server:
        line, fields, rest = split(talk(server, request()))
    assert line.startswith("HTTP/1.1 20")
    assert (framing, rest) == ((framing[0], fields[framing[0]]), body)


# -- Hooks


def test_the_hooks_are_called_in_the_order_of_gevent() -> None:
    calls: list[Any] = []

    class Handler(WSGIHandler):
        def __getattribute__(self, name: str) -> Any:
            found = super().__getattribute__(name)
            if name in HOOKS and (not calls or calls[-1] != name):
                calls.append(name)
            return found

    HOOKS = set(
        "handle handle_one_request read_requestline read_request get_environ handle_one_response run_application "
        "start_response process_result log_request format_request".split()
    )
    with serving(handler_class=Handler) as server:
        talk(server, request())
    assert calls == [
        *("handle", "handle_one_request", "read_requestline", "read_request", "get_environ"),
        *("handle_one_response", "run_application", "start_response", "process_result"),
        *("log_request", "format_request"),
    ]


def test_the_attributes_during_a_request() -> None:
    NAMES = (
        *("command", "path", "request_version", "requestline", "content_length"),
        *("status", "code", "headers_sent", "response_headers"),
    )
    seen: dict[str, Any] = {}

    class Handler(WSGIHandler):
        def log_request(self) -> None:
            seen.update({name: getattr(self, name) for name in NAMES})
            seen["fields"] = self.headers.items()
            seen["times"] = self.time_start <= self.time_finish
            seen["length"] = self.response_length
            seen["peer"] = self.socket.getpeername() == self.client_address

    with serving(echo, handler_class=Handler) as server:
        talk(server, request("Content-Length: 3", "X-Two: 1", line="POST /a?b HTTP/1.1", body=b"abc"))
    assert seen == {
        "command": "POST",
        "path": "/a?b",
        "request_version": "HTTP/1.1",
        "requestline": "POST /a?b HTTP/1.1",
        "content_length": 3,
        "status": b"200 OK",
        "code": 200,
        "response_headers": [],
        "headers_sent": True,
        "fields": [("Host", "test"), ("Content-Length", "3"), ("X-Two", "1"), ("Connection", "close")],
        "times": True,
        "length": 11,
        "peer": True,
    }


def test_a_handler_adds_to_the_environ() -> None:
    class Handler(WSGIHandler):
        def get_environ(self) -> Any:
            return {**super().get_environ(), "RAW_URI": self.path, "sock": self.socket}

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [f"{environ['RAW_URI']} {environ['sock'].fileno() > 0} {environ['SERVER_SOFTWARE']}".encode()]

    with serving(application, handler_class=Handler) as server:
        _, _, body = split(talk(server, request(line="GET /%41 HTTP/1.1")))
    assert body.startswith(b"/%41 True gevent/26.9 Python/3.")


def test_hooks_change_the_response() -> None:
    class Handler(WSGIHandler):
        def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
            return super().start_response(status, [*headers, ("X-One", "1")], exc_info)

        def finalize_headers(self) -> None:
            super().finalize_headers()
            self.response_headers.append((b"X-Two", b"2"))

        def write(self, data: bytes) -> None:
            super().write(data.upper())

    with serving(handler_class=Handler) as server:
        _, fields, body = split(talk(server, request()))
    assert (fields["x-one"], fields["x-two"], fields["content-length"], body) == ("1", "2", "5", b"HELLO")


def test_a_handler_closes_the_connection() -> None:
    class Handler(WSGIHandler):
        def get_environ(self) -> Any:
            self.close_connection = True
            return super().get_environ()

    with serving(handler_class=Handler) as server:
        _, fields, body = split(talk(server, request(close=False)))
    assert (fields["connection"], body) == ("close", b"hello")


def test_a_handler_reads_the_request_line_itself() -> None:
    class Handler(WSGIHandler):
        def read_requestline(self) -> Any:
            start = self.rfile.read(4)
            if start == b"PING":
                self.socket.sendall(b"PONG")
                return None
            return start + self.rfile.readline()

    with serving(echo, handler_class=Handler) as server:
        assert talk(server, b"PING") == b"PONG"
        answers = talk(
            server,
            request("Content-Length: 3", line="POST /a HTTP/1.1", body=b"abc", close=False)
            + request(line="GET /b HTTP/1.1"),
        )
    assert b"POST /a abc" in answers
    assert answers.endswith(b"GET /b ")


def test_a_handler_answers_by_its_socket() -> None:
    class Handler(WSGIHandler):
        def run_application(self) -> None:
            self.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            self.headers_sent = True
            self.result = []
            self.process_result()

    with serving(handler_class=Handler) as server:
        assert talk(server, request(close=False)).endswith(b"\r\n\r\nok")


def test_a_handler_that_is_none_of_gevents() -> None:
    class Handler:
        def __init__(self, sock: Any, address: Any, server: Any) -> None:
            self.sock = sock

        def handle(self) -> None:
            self.sock.sendall(self.sock.recv(100)[::-1])

    with serving(handler_class=Handler) as server:
        assert talk(server, b"abc") == b"cba"


def test_the_application_calls_start_response_twice() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("X-First", "1")])
        start_response("404 Not Found", [("X-Second", "2")])
        return [b"no"]

    with serving(application) as server:
        line, fields, _ = split(talk(server, request()))
    assert (line, "x-first" in fields, fields["x-second"]) == ("HTTP/1.1 404 Not Found", False, "2")


# -- Errors


def test_an_error_is_reported_without_the_values_of_the_environ(capsys: pytest.CaptureFixture[str]) -> None:
    def application(environ: Any, start_response: Any) -> Any:
        raise ZeroDivisionError("on purpose")

    with serving(application) as server:
        line, fields, body = split(talk(server, request("Authorization: secret", close=False)))
    assert (line, fields["connection"]) == ("HTTP/1.1 500 Internal Server Error", "close")
    assert body == b"Internal Server Error"
    printed = capsys.readouterr().err
    assert "ZeroDivisionError: on purpose" in printed
    assert "(hidden keys: " in printed
    assert "secret" not in printed


def test_handle_error_is_a_hook() -> None:
    errors: list[Any] = []

    class Handler(WSGIHandler):
        def handle_error(self, t: Any, v: Any, tb: Any) -> None:
            errors.append((t, self.environ["PATH_INFO"], tb is not None))
            self.start_response("503 Service Unavailable", [])
            self.write(b"later")

    def application(environ: Any, start_response: Any) -> Any:
        raise ZeroDivisionError

    with serving(application, handler_class=Handler) as server:
        line, _, body = split(talk(server, request()))
    assert line == "HTTP/1.1 503 Service Unavailable"
    assert b"later" in body
    assert errors == [(ZeroDivisionError, "/", True)]


def failing(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"begun"
    raise ZeroDivisionError("in the middle")


def test_an_error_after_the_head_resets_the_connection(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(failing) as server:
        with pytest.raises(ConnectionResetError):
            talk(server, request(line="GET / HTTP/1.0"))
    assert "ZeroDivisionError: in the middle" in capsys.readouterr().err


def test_an_error_after_a_chunk_leaves_the_last_chunk_out(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(failing) as server:
        _, fields, body = split(talk(server, request(close=False)))
    assert (fields["transfer-encoding"], body) == ("chunked", b"5\r\nbegun\r\n")
    assert "ZeroDivisionError: in the middle" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "header", "error"),
    [
        ("200 OK\r\nX: y", ("X", "y"), ValueError("carriage return or newline in status")),
        ("200 OK", ("X\n", "y"), ValueError("carriage return or newline in header name")),
        ("200 OK", ("X", "y\rZ: z"), ValueError("carriage return or newline in header value")),
        (
            "200 OK",
            ("X", "\u1f4a"),
            UnicodeError("'\u1f4a' in a header is not Latin-1; encode it in '\u1f4a'"),
        ),
        ("200 OK", ("X", b"y"), UnicodeError("the header value must be a str, not b'y'")),
        ("200 OK", ("X", "\0"), ValueError("'\\x00' in a header has a control character; remove it")),
    ],
    ids=["status", "name", "value", "Latin-1", "bytes", "control"],
)
def test_an_application_catches_the_refusal_of_its_headers(
    status: str, header: Any, error: Exception
) -> None:
    caught: list[Exception] = []
    errors = io.StringIO()

    def application(environ: Any, start_response: Any) -> Any:
        try:
            start_response(status, [header])
        except ValueError as refusal:
            caught.append(refusal)
        return ()

    with serving(application, error_log=errors) as server:
        line, fields, _ = split(talk(server, request(close=False)))
    assert [(type(each), str(each)) for each in caught] == [(type(error), str(error))]
    assert (line, fields["connection"]) == ("HTTP/1.1 500 Internal Server Error", "close")
    assert "start_response had refused" in errors.getvalue()


def test_a_host_is_not_needed() -> None:
    hosts: list[Any] = []

    def application(environ: Any, start_response: Any) -> Any:
        hosts.append(environ.get("HTTP_HOST"))
        return hello(environ, start_response)

    with serving(application) as server:
        answers = talk(
            server,
            b"GET / HTTP/1.1\r\n\r\n" * 3,
            b"GET http://there/ HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        )
    assert hosts == [None, None, None, "there", "here"]
    assert answers.count(b"HTTP/1.1 200 OK") == 5
    assert answers.count(b"HTTP/1.1 400 Bad Request") == 1


def test_fields_for_cookies_are_joined_as_cookies() -> None:
    joined: list[str] = []

    def application(environ: Any, start_response: Any) -> Any:
        joined.extend(environ[key] for key in ("HTTP_COOKIE", "HTTP_COOKIE2", "HTTP_X"))
        return hello(environ, start_response)

    with serving(application) as server:
        talk(server, request("cookie2: a", "X: 1", "Cookie: c", "Cookie2:b", "X: 2", "cookie: d"))
    assert joined == ["c; d", "a; b", "1, 2"]


def test_a_body_that_came_without_waiting_for_continue_is_dropped() -> None:
    expecting = ("Expect: 100-continue", "Content-Length: 3")
    with serving() as server:
        answers = talk(
            server,
            request(*expecting, line="PUT / HTTP/1.1", body=b"abc", close=False),
            request(*expecting, line="PUT / HTTP/1.1", close=False),
        )
    # The second client would wait, so the connection ends: a body may follow or not.
    assert (answers.count(b"HTTP/1.1 200 OK"), answers.count(b"Connection: close")) == (2, 1)


def test_the_body_of_a_client_that_does_not_wait_is_read_after_continue() -> None:
    with serving(echo) as server:
        sent = request("Expect: 100-continue", "Content-Length: 3", line="PUT / HTTP/1.1", body=b"abc")
        answers = talk(server, sent)
    assert answers.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert answers.endswith(b"PUT / abc")


@pytest.mark.parametrize(
    ("sent", "status", "why"),
    [
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400 Bad Request", "invalid Host"),
        (b"GET /%s HTTP %\r\n\r\n", "400 Bad Request", ""),
        (request("Content-Length: +5"), "400 Bad Request", "invalid Content-Length"),
        (
            request("Content-Length: 5", "Transfer-Encoding: chunked"),
            "400 Bad Request",
            "both Content-Length and Transfer-Encoding",
        ),
        (request("X: " + "a" * 9000), "431 Request Header Fields Too Large", ""),
        (request(line=f"GET /{'a' * 9000} HTTP/1.1"), "414 URI Too Long", ""),
    ],
    ids=["host", "percent", "length", "smuggling", "field", "line"],
)
def test_the_engine_refuses_what_it_refuses_elsewhere(sent: bytes, status: str, why: str) -> None:
    log, errors = io.StringIO(), io.StringIO()
    with serving(log=log, error_log=errors) as server:
        line, fields, _ = split(talk(server, sent))
    assert (line, fields["connection"]) == (f"HTTP/1.1 {status}", "close")
    assert re.search(rf'"[^"]*" {status[:3]} - \d+\.\d+\n', log.getvalue())
    assert re.search(rf"Invalid request \(from \('127.0.0.1', \d+\)\): {status}: .*{why}", errors.getvalue())
    assert server._rejected == {status: 1}


def test_a_handler_logs_a_refused_request_with_its_environ() -> None:
    logged: list[Any] = []

    class Handler(WSGIHandler):
        def get_environ(self) -> Any:
            return {**super().get_environ(), "RAW_URI": self.path}

        def log_request(self) -> None:
            keys = ("REMOTE_ADDR", "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "RAW_URI")
            logged.append((self.status, self.requestline, [self.environ[key] for key in keys]))

    with serving(handler_class=Handler, error_log=None) as server:
        talk(server, request(close=False) + b"GET /a?b HTTP/1.1\r\nHost: a b\r\n\r\n")
        talk(server, b"nonsense\r\n\r\n")
    assert logged == [
        (b"200 OK", "GET / HTTP/1.1", ["127.0.0.1", "GET", "/", "", "/"]),
        ("400", "GET /a?b", ["127.0.0.1", "GET", "/a", "b", "/a?b"]),
        ("400", "", ["127.0.0.1", "", "", "", ""]),
    ]


def test_a_body_that_breaks_the_grammar_is_the_clients_fault(capsys: pytest.CaptureFixture[str]) -> None:
    errors = io.StringIO()
    with serving(echo, error_log=errors) as server:
        line, _, _ = split(talk(server, request("Transfer-Encoding: chunked", body=b"x\r\n")))
    assert line == "HTTP/1.1 400 Bad Request"
    assert "Invalid request (from" in errors.getvalue()
    assert capsys.readouterr().err == ""


def test_no_body_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(answering([b"body"], status="304 Not Modified")) as server:
        line, _, _ = split(talk(server, request()))
    assert line == "HTTP/1.1 500 Internal Server Error"
    assert "AssertionError: The 304 response must have no body" in capsys.readouterr().err


def test_limits() -> None:
    class Server(WSGIServer):
        limits = limits(body=3)

    with serving(echo, Server) as server:
        line, _, _ = split(talk(server, request("Content-Length: 4", body=b"abcd")))
    assert line == "HTTP/1.1 413 Content Too Large"


def test_the_number_of_requests_on_a_connection_is_limited() -> None:
    class Server(WSGIServer):
        limits = limits(requests=2)

    with serving(kind=Server) as server:
        assert talk(server, request(close=False) * 3).count(b"hello") == 2


def test_the_number_of_connections_is_limited() -> None:
    class Server(WSGIServer):
        limits = limits(connections=1)

    with serving(kind=Server) as server:
        with socket.create_connection(server.address, 30) as sock:
            sock.sendall(request(close=False))
            assert sock.recv(1000).endswith(b"hello")
            others = [greenrt.spawn(talk, server, request()) for _ in range(3)]
            greenrt.joinall(others, timeout=0.05)
            assert server.connections == 1
            assert not any(other.ready() for other in others)
        assert all(other.get(timeout=30).endswith(b"hello") for other in others)


def test_the_number_of_connections_of_a_client_is_limited() -> None:
    class Server(WSGIServer):
        limits = limits(connections_per_peer=1)

    with serving(kind=Server) as server:
        with socket.create_connection(server.address, 30) as sock:
            sock.sendall(request(close=False))
            assert sock.recv(1000).endswith(b"hello")
            with socket.create_connection(server.address, 30) as other:
                assert until_end(other) == b""
        while server.connections:
            greenrt.sleep(0.01)
        assert talk(server, request()).endswith(b"hello")
        assert server._rejected == {"its client has too many connections": 1}


# -- Logs


def test_the_line_of_the_access_log() -> None:
    log = io.StringIO()
    with serving(log=log) as server:
        talk(server, request(line="GET /a?b HTTP/1.1"))
    day = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(
        rf'127\.0\.0\.1 - - \[{day}\] "GET /a\?b HTTP/1\.1" 200 5 \d+\.\d{{6}}\n', log.getvalue()
    )


def test_loggers(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test_gevent_wsgi")
    caplog.set_level(logging.INFO, "test_gevent_wsgi")

    def application(environ: Any, start_response: Any) -> Any:
        environ["wsgi.errors"].write("a complaint\n")
        environ["wsgi.errors"].writelines(["one\n", "two\n"])
        return hello(environ, start_response)

    with serving(application, log=logger, error_log=logger) as server:
        talk(server, request())
        assert isinstance(server.log, pywsgi.LoggingLogAdapter)
        assert server.log.name == "test_gevent_wsgi"
        server.log.disabled = False
        server.log.note = "set"
        assert logger.note == "set"  # type: ignore[attr-defined]
        del server.log.note
        assert not hasattr(logger, "note")
    levels = [(record.levelname, record.getMessage().partition(" - - ")[0]) for record in caplog.records]
    errors = [("ERROR", text) for text in ("a complaint", "one", "two")]
    assert levels == [*errors, ("INFO", "127.0.0.1")]


def test_the_default_logs_are_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(log="default") as server:
        talk(server, request())
        talk(server, b"nonsense\r\n\r\n")
    printed = capsys.readouterr().err
    assert '"GET / HTTP/1.1" 200 5' in printed
    assert "Invalid request (from" in printed


def test_log_error_keeps_a_message_that_can_t_be_formatted() -> None:
    class Handler(WSGIHandler):
        def get_environ(self) -> Any:
            self._print_unexpected_exc = lambda: None  # type: ignore[misc, assignment]
            self.log_error("100 %")
            self.log_error("%d", "x")
            return super().get_environ()

    errors = io.StringIO()
    with serving(handler_class=Handler, error_log=errors) as server:
        talk(server, request())
    assert [line.rpartition(">: ")[2] for line in errors.getvalue().splitlines()] == ["100 %", "'%d' ('x',)"]


# -- Environs


def test_the_keys_of_the_environ() -> None:
    seen: list[dict[str, Any]] = []

    def application(environ: Any, start_response: Any) -> Any:
        seen.append(environ)
        return hello(environ, start_response)

    with serving(application, environ={"my.key": 1, "wsgi.multithread": True}) as server:
        talk(server, request("Cookie: a", "Cookie: b", "X_Bad: 1", line="GET /%C3%A9?q HTTP/1.1"))
        port = server.server_port
    environ = seen[0]
    assert type(environ) is dict
    expected = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/\xc3\xa9",
        "QUERY_STRING": "q",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_COOKIE": "a; b",
        "my.key": 1,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.url_scheme": "http",
        "wsgi.input_terminated": True,
    }
    assert {key: environ[key] for key in expected} == expected
    assert environ["wsgi.errors"] is server.error_log
    assert environ["SERVER_NAME"] == socket.getfqdn("127.0.0.1")
    assert not {"HTTP_X_BAD", "gunicorn.socket", "werkzeug.socket"} & set(environ)


def test_environs_of_a_class_of_the_program() -> None:
    class Server(WSGIServer):
        environ_class = pywsgi.SecureEnviron

        def get_environ(self) -> Any:
            environ = super().get_environ()
            environ["my.key"] = 2
            return environ

    seen: list[Any] = []

    def application(environ: Any, start_response: Any) -> Any:
        seen.append(environ)
        return hello(environ, start_response)

    with serving(application, Server) as server:
        talk(server, request(line="GET /path HTTP/1.1"))
    assert isinstance(seen[0], pywsgi.SecureEnviron)
    assert (seen[0]["PATH_INFO"], seen[0]["my.key"]) == ("/path", 2)


def test_secure_environs() -> None:
    environ = pywsgi.SecureEnviron(key="value", secret="x")
    assert repr(environ) == str(environ) == f"<pywsgi.SecureEnviron dict (keys: 2) at {id(environ)}>"
    environ.whitelist_keys = ("key",)
    assert repr(environ) == "{'key': 'value', 'secret': '<MASKED>'}"
    environ.print_masked_keys = False
    assert repr(environ) == "{'key': 'value', (hidden keys: 1)}"
    environ.secure_repr = False
    assert repr(environ) == "{'key': 'value', 'secret': 'x'}"
    copy = environ.copy()
    assert type(copy) is pywsgi.SecureEnviron
    assert copy == environ
    assert type(pickle.loads(pickle.dumps(environ))) is dict
    assert repr(pywsgi.WSGISecureEnviron(REMOTE_ADDR="::1", HTTP_COOKIE="x")) == (
        "{'REMOTE_ADDR': '::1', (hidden keys: 1)}"
    )
    with pytest.raises(AttributeError, match="other"):
        environ.other  # noqa: B018


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (b"line 1\nline 2\nGET /", {"content_length": 14}),
        (
            b"5\r\nline \r\n9;x=y\r\n1\nline 2\n\r\n0\r\n\r\nGET /",
            {"content_length": None, "chunked_input": True},
        ),
    ],
    ids=["length", "chunked"],
)
def test_input(data: bytes, options: Any) -> None:
    file = io.BytesIO(data)
    assert list(pywsgi.Input(file, **options)) == [b"line 1\n", b"line 2\n"]
    assert file.read() == b"GET /"
    body = pywsgi.Input(io.BytesIO(data), **options)
    assert (body.read(4), body.readline(2), body.readline(), body.read(-1), body.read()) == (
        *(b"line", b" 1", b"\n", b"line 2\n", b""),
    )
    with pytest.raises(OSError, match="before the end of its"):
        pywsgi.Input(io.BytesIO(data[:7]), **options).read()


# -- Upgrades


UPGRADE = request("Upgrade: echo", close=False).replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\n\r\n")


def converse(server: Any) -> None:
    """Upgrade a connection, with bytes that follow the request at once, and have them echoed."""
    with socket.create_connection(server.address, 30) as sock:
        sock.sendall(UPGRADE + b"early ")
        found = b""
        while not found.endswith(b"early "):
            found += sock.recv(1000)
        assert found.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert b"\r\nUpgrade: echo\r\n" in found
        sock.sendall(b"late")
        assert sock.recv(100) == b"late"
        sock.shutdown(socket.SHUT_WR)
        assert until_end(sock) == b""


def test_a_handler_upgrades_the_connection() -> None:
    upgraded: list[Any] = []

    class Handler(WSGIHandler):
        def run_application(self) -> None:
            read = self.rfile.read1
            self.start_response("101 Switching Protocols", [("Upgrade", "echo"), ("Connection", "Upgrade")])
            self.write(b"")
            upgraded.append((self.connection_upgraded, self.headers_sent, self.socket.gettimeout()))
            while data := read(100):
                self.socket.sendall(data)

    with serving(handler_class=Handler) as server:
        converse(server)
    assert upgraded == [(True, True, None)]


def test_an_application_upgrades_the_connection_by_the_raw_input() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        assert environ["wsgi.input_terminated"] is False
        sock = environ["wsgi.input"].raw._sock.dup()
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n")
        while data := sock.recv(100):
            sock.sendall(data)
        sock.close()
        return []

    with serving(application) as server:
        converse(server)


def test_a_request_that_could_upgrade_is_answered_as_any_other() -> None:
    with serving() as server:
        _, fields, body = split(talk(server, UPGRADE.replace(b"Upgrade: echo\r\n", b"") + request()))
    assert (fields["content-length"], body.startswith(b"hello")) == ("5", True)
    assert body.endswith(b"hello")


# -- The end, TLS, and the rest


def test_close_lets_requests_finish_and_ends_idle_connections() -> None:
    entered, release = greenrt.Event(), greenrt.Event()

    def application(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/slow":
            entered.set()
            release.wait()
        return hello(environ, start_response)

    with serving(application, spawn=5) as server:
        with socket.create_connection(server.address, 30) as idle:
            idle.sendall(request(close=False))
            assert idle.recv(1000).endswith(b"hello")
            slow = greenrt.spawn(talk, server, request(line="GET /slow HTTP/1.1", close=False))
            entered.wait()
            server.close()
            assert until_end(idle) == b""
            release.set()
            _, fields, body = split(slow.get(timeout=30))
            assert (fields["connection"], body) == ("close", b"hello")
            server.pool.join(timeout=30)
            assert not server._connections


def test_another_server_serves_the_connections() -> None:
    server = WSGIServer(("127.0.0.1", 0), hello, log=None)
    server.set_environ({"SERVER_NAME": "other", "SERVER_PORT": "0"})
    other = StreamServer(("127.0.0.1", 0), server.handle)
    other.start()
    try:
        assert talk(other, request(close=False) + request()).count(b"hello") == 2
    finally:
        other.stop()


def test_a_dump_names_the_request_that_a_greenlet_answers() -> None:
    entered, release = greenrt.Event(), greenrt.Event()

    def application(environ: Any, start_response: Any) -> Any:
        entered.set()
        release.wait()
        return hello(environ, start_response)

    with serving(application) as server:
        client = greenrt.spawn(talk, server, request(line="GET /slow?secret HTTP/1.1"))
        entered.wait()
        text = io.StringIO()
        dump(text)
        release.set()
        client.get(timeout=30)
    assert re.search(r"GET /slow from 127\.0\.0\.1:\d+", text.getvalue())


def test_tls() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [environ["wsgi.url_scheme"].encode()]

    with serving(application, certfile=CERTIFICATE) as server:
        context = ssl.create_default_context(cafile=CERTIFICATE)
        with context.wrap_socket(
            socket.create_connection(server.address, 30), server_hostname="localhost"
        ) as sock:
            sock.sendall(request())
            assert until_end(sock).endswith(b"https")


def test_other_processes_on_the_same_socket_get_their_share() -> None:
    assert WSGIServer(("127.0.0.1", 0), hello, environ={"wsgi.multiprocess": True}).max_accept == 1
    with pytest.warns(DeprecationWarning, match="replaces its HTTP"):
        WSGIServer(("127.0.0.1", 0), hello, handle=hello)
