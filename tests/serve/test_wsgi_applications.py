"""Applications with errors: the client gets a correct answer or a broken connection, and the log has the reason."""

from collections.abc import Callable
from typing import Any

import pytest
from support.wsgi import answering, hello, limits, logged, request, serving, split, talk, until_end

import greenrt
from greenrt.green import socket

StartResponse = Callable[..., Any]


def failing(when: str) -> Any:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        if when == "before":
            raise ZeroDivisionError("secret")
        start_response("200 OK", [])
        if when == "after start_response":
            raise ZeroDivisionError("secret")
        if when == "first part":
            raise ZeroDivisionError("secret")
        yield b"part"
        raise ZeroDivisionError("secret")

    return application


NO_ANSWER = {
    "raises": failing("before"),
    "raises before the first part": failing("first part"),
    "text": answering(["text"]),
    "text from an iterator": answering(iter(["text"])),
    "a number": answering([5]),
    "two parts, one of text": answering([b"a", "b"]),
    "nothing": answering(None),
    "an iterable of numbers": answering(b"abc"),
    "no start_response": lambda environ, start_response: [b"abc"],
    "neither": lambda environ, start_response: [],
    "status without a reason": answering([b""], status="200"),
    "status in bytes": answering([b""], status=b"200 OK"),  # type: ignore[arg-type]
    "status that splits": answering([b""], status="200 OK\r\nX: y"),
    "value that splits": answering([b""], ("X", "a\r\nY: b")),
    "value with a line feed": answering([b""], ("X", "a\nY: b")),
    "value with a carriage return": answering([b""], ("X", "a\rY: b")),
    "value with NUL": answering([b""], ("X", "a\0")),
    "value with a control character": answering([b""], ("X", "a\x01")),
    "value with DEL": answering([b""], ("X", "a\x7f")),
    "no final status": answering([b""], status="100 Continue"),
    "hints as the answer": answering([b""], status="103 Early Hints"),
    "value in bytes": answering([b""], ("X", b"a")),  # type: ignore[arg-type]
    "value beyond Latin-1": answering([b""], ("X", "\u20ac")),
    "name with a colon": answering([b""], ("X:", "a")),
    "empty name": answering([b""], ("", "a")),
    "name with a space": answering([b""], ("X y", "a")),
    "length that is none": answering([b""], ("Content-Length", "-1")),
    "length too long": answering([b""], ("Content-Length", "9" * 19)),
    "length with a digit of another script": answering([b""], ("Content-Length", "\xb2")),
    "length that is empty": answering([b""], ("Content-Length", "")),
    "two lengths": answering([b""], ("Content-Length", "0"), ("Content-Length", "1")),
    "close fails": answering(type("Failing", (list,), {"__iter__": lambda self: 1 / 0})()),
}


@pytest.mark.parametrize("name", NO_ANSWER)
def test_an_application_that_gives_no_answer(name: str, caplog: pytest.LogCaptureFixture) -> None:
    failures: list[Any] = []
    with serving(NO_ANSWER[name], on_error=lambda environ, error: failures.append(error)) as server:
        status, fields, body = split(talk(server, request(close=False)))
    assert status == "HTTP/1.1 500 Internal Server Error"
    assert body == b"500 Internal Server Error\n"
    assert fields["connection"] == "close"
    assert len(failures) == 1
    assert logged(caplog) == ["GET / from PEER failed"]


@pytest.mark.parametrize("raised", [greenrt.Timeout, OSError])
def test_a_hook_for_errors_that_raises(raised: Any, caplog: pytest.LogCaptureFixture) -> None:
    def on_error(environ: Any, error: BaseException) -> None:
        raise raised

    with serving(failing("before"), on_error=on_error) as server:
        status, _, _ = split(talk(server, request(close=False)))
    assert status == "HTTP/1.1 500 Internal Server Error"
    assert logged(caplog) == ["GET / from PEER failed", "on_error raised an exception"]


def test_an_application_that_fails_half_way(caplog: pytest.LogCaptureFixture) -> None:
    """The client must not take the part for the whole, also if the end of the connection ends the body."""
    with serving(failing("later")) as server:
        for version in ("1.0", "1.1"):
            with pytest.raises(ConnectionResetError), socket.create_connection(server.address) as sock:
                sock.sendall(request(line=f"GET / HTTP/{version}"))
                until_end(sock)
    assert logged(caplog) == ["GET / from PEER failed"] * 2


def test_too_much_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    for parts in ([b"abcdef"], iter([b"ab", b"cdef"])):
        with serving(answering(parts, ("Content-Length", "3"))) as server:
            assert split(talk(server, request(close=False)))[2] == b"abc"
    assert "wrote more than the 3 bytes" in str(caplog.records[0].exc_info[1])  # type: ignore[index]


def test_too_little_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    for parts in ([b"ab"], iter([b"a", b"b"]), [b"a", b"b"]):
        with serving(answering(parts, ("Content-Length", "3"))) as server:
            with pytest.raises(ConnectionResetError):
                talk(server, request(close=False))
    assert "announced 3 bytes of body and wrote 2" in str(caplog.records[0].exc_info[1])  # type: ignore[index]


def test_a_body_with_a_status_that_has_none_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    with serving(answering([b"abc"], status="204 No Content")) as server:
        answer = talk(server, request(close=False))
    assert answer.startswith(b"HTTP/1.1 204 No Content")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("fail", [False, True])
def test_close_is_called(fail: bool) -> None:
    closed: list[int] = []

    class Result:
        def __iter__(self) -> Any:
            yield b"a"
            if fail:
                raise ZeroDivisionError

        def close(self) -> None:
            closed.append(1)

    with serving(answering(Result())) as server, socket.create_connection(server.address) as sock:
        sock.sendall(request())
        try:
            until_end(sock)
        except ConnectionResetError:
            assert fail
    assert closed == [1]


class Parts:
    """The result of an application: its parts, and a function for close()."""

    def __init__(self, parts: Any, error: BaseException | None = None) -> None:
        self.parts = parts
        self.error = error

    def __iter__(self) -> Any:
        return iter(self.parts)

    def close(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("headers", [[], [("Content-Length", "5")]])
def test_an_application_that_fails_in_its_close(headers: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The response is complete by then."""
    failing_parts = Parts([b"he", b"llo"], ZeroDivisionError("late"))
    with serving(answering(failing_parts, *headers)) as server:
        answer = talk(server, request(close=False) * 2)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b"hello" if headers else b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
    assert logged(caplog) == ["GET / from PEER failed"]


ERRORS = [
    Exception("a"),
    StopIteration("a"),
    RecursionError("a"),
    MemoryError("a"),
    OSError(5, "a"),
    BrokenPipeError("a"),
    TimeoutError("a"),
    UnicodeDecodeError("ascii", b"\xff", 0, 1, "a"),
    BaseException("a"),
    GeneratorExit("a"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_an_application_may_raise(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        raise error

    with serving(application) as server:
        for _ in range(2):
            assert talk(server, request()).startswith(b"HTTP/1.1 500 ")
    assert [record.exc_info[1] for record in caplog.records] == [error] * 2  # type: ignore[index]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_an_application_that_exits(kind: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    """SystemExit ends the program, as from a signal handler, unless `may_exit` makes it a failure."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        raise kind

    with serving(application) as server:
        server.may_exit = False
        assert talk(server, request()).startswith(b"HTTP/1.1 500 ")
        assert [record.exc_info[0] for record in caplog.records] == [kind]  # type: ignore[index]
        server.may_exit = True
        with pytest.raises(kind):
            talk(server, request())


def test_nothing_is_read_as_a_request_after_another_protocol_was_agreed_upon() -> None:
    headers = [("Upgrade", "x"), ("Connection", "Upgrade")]
    with serving(answering([], *headers, status="101 Switching Protocols")) as server:
        answer = talk(server, request("Connection: Upgrade", "Upgrade: x", close=False) + request())
    assert answer.count(b"HTTP/1.1 ") == 1


WRONG_CALLS = {
    "start_response twice": lambda start, environ: (start("200 OK", []), start("200 OK", [])),
    "start_response without headers": lambda start, environ: start("200 OK"),
    "headers are None": lambda start, environ: start("200 OK", None),
    "headers are a number": lambda start, environ: start("200 OK", 5),
    "headers are text": lambda start, environ: start("200 OK", "abc"),
    "headers of three": lambda start, environ: start("200 OK", [("a", "b", "c")]),
    "status is None": lambda start, environ: start(None, []),
    "status is a number": lambda start, environ: start(200, []),
    "status is empty": lambda start, environ: start("", []),
    "status of two digits": lambda start, environ: start("20 OK", []),
    "status beyond Latin-1": lambda start, environ: start("200 \u20ac", []),
    "name is None": lambda start, environ: start("200 OK", [(None, "a")]),
    "value is None": lambda start, environ: start("200 OK", [("a", None)]),
    "value is a number": lambda start, environ: start("200 OK", [("Content-Length", 5)]),
    "text is written": lambda start, environ: start("200 OK", [])("text"),
    "None is written": lambda start, environ: start("200 OK", [])(None),
    "exc_info of None": lambda start, environ: start("200 OK", [], (None, None, None)) and 1 / 0,
    "environ is emptied": lambda start, environ: (environ.clear(), 1 / 0),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_wrong_calls_of_an_application(name: str, caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        WRONG_CALLS[name](start_response, environ)
        return []

    with serving(application) as server:
        assert talk(server, request()).startswith(b"HTTP/1.1 500 ")
        assert server.started
    assert len(caplog.records) == 1


def test_a_body_without_an_end_lasts_as_long_as_its_client() -> None:
    closed: list[int] = []

    def endless() -> Any:
        try:
            while True:
                yield b"x" * 10_000
        finally:
            closed.append(1)

    with serving(answering(endless())) as server:
        with socket.create_connection(server.address) as sock:
            sock.sendall(request())
            assert sock.recv(1000)
        while not closed:
            greenrt.sleep(0.01)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_nothing_is_written_after_the_end(version: str) -> None:
    """An application that keeps `write` can't write into the next response."""
    kept: list[Any] = []
    refused: list[BaseException] = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        if kept:
            try:
                kept[0](b"of the first")
            except ValueError as error:
                refused.append(error)
            return hello(environ, start_response)
        kept.append(start_response("200 OK", []))
        return iter([b"first"])

    sent = request("Connection: keep-alive", line=f"GET / HTTP/{version}", close=False)
    with serving(application, limits=limits(idle_timeout=0.2)) as server:
        answer = (
            talk(server, sent + request()) if version == "1.1" else talk(server, sent) + talk(server, sent)
        )
    assert b"of the first" not in answer
    assert b"first" in answer
    assert len(refused) == 1


def test_an_application_that_closes_its_input() -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        environ["wsgi.input"].close()
        return hello(environ, start_response)

    sent = request("Content-Length: 3", line="POST / HTTP/1.1", body=b"abc", close=False)
    with serving(application) as server:
        assert talk(server, sent + request(close=False) + sent + request()).count(b"hello") == 4


def test_input_that_was_kept_reads_nothing_of_the_next_request() -> None:
    kept: list[Any] = []
    found: list[bytes] = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        kept.append(environ["wsgi.input"])
        if len(kept) == 2:
            found.append(kept[0].read())
            found.append(kept[1].read())
        return hello(environ, start_response)

    with serving(application) as server:
        sent = request("Content-Length: 3", line="POST / HTTP/1.1", body=b"abc", close=False)
        talk(server, sent + request("Content-Length: 3", line="POST / HTTP/1.1", body=b"def"))
    assert found == [b"", b"def"]


def test_an_application_that_never_ends_is_killed_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    begun = greenrt.Event()
    killed: list[int] = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        begun.set()
        try:
            greenrt.sleep(1000)
        except greenrt.GreenletExit:
            killed.append(1)
            raise

    with serving(application, limits=limits(idle_timeout=0.05)) as server:
        with socket.create_connection(server.address) as sock:
            sock.sendall(request())
            begun.wait()
            server.stop(0.05)
            with pytest.raises(ConnectionResetError):
                until_end(sock)
        assert server.given_up == 1
    assert killed == [1]
    assert logged(caplog) == ["GET / from PEER was given up: its greenlet was killed"]
