"""The outputs of a server's logs, and requests when a log can't be written."""

import errno
import io
import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest
from support.wsgi import hello, request, serving, talk

import greenrt
from greenrt import _log
from greenrt.green import socket
from greenrt.serve import StreamServer, WSGIServer
from greenrt.serve.http import access_log


class Stream:
    """A text stream that can't be written."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.tried = 0

    def write(self, text: str) -> None:
        self.tried += 1
        raise self.error


class FailingFlush(Stream):
    def write(self, text: str) -> None:
        pass

    def flush(self) -> None:
        self.tried += 1
        raise self.error


class Strange(BaseException):
    pass


ERRORS = [BrokenPipeError(), ValueError("closed"), RuntimeError(), TypeError(), AttributeError(), Strange()]


def failing(environ: dict[str, Any], start_response: Any) -> Any:
    raise ZeroDivisionError("seen")


@pytest.mark.parametrize("kind", [Stream, FailingFlush])
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_requests_are_answered_though_the_access_log_fails(kind: Any, error: BaseException) -> None:
    stream = kind(error)
    with serving(log=stream) as server:
        for _ in range(2):
            assert talk(server, request()).endswith(b"hello")
        greenrt.sleep(0)
        assert stream.tried == 2
        assert server.started


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_failures_are_answered_though_the_error_log_fails(error: BaseException) -> None:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise error

    logger = logging.Logger("failing")
    logger.addHandler(Handler())
    with serving(failing, error_log=logger) as server:
        assert talk(server, request()).startswith(b"HTTP/1.1 500 ")
        assert talk(server, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("spawn", ["default", "raw", 1, None], ids=str)
def test_a_stream_server_goes_on_though_logging_fails(
    spawn: Any, error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """Either the program logs, in its connection handler, or greenrt does: here that the server can't accept."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise error

    def handle(sock: Any, address: Any) -> None:
        sock.sendall(b"hello")
        logger.error("this fails")

    class Exhausted(StreamServer):
        exhausted = True

        def _accept(self, sock: Any) -> Any:
            if self.exhausted:
                self.exhausted = False
                raise OSError(errno.EMFILE, "Too many open files")
            return super()._accept(sock)

    logger = logging.getLogger("greenrt")
    failing = Handler()
    logger.addHandler(failing)
    try:
        with Exhausted(("127.0.0.1", 0), handle, spawn=spawn) as server:
            for _ in range(3):
                with socket.create_connection(server.address, 10) as sock:
                    assert sock.recv(10) == b"hello"
                    assert sock.recv(10) == b""
            assert not server.exhausted
            assert _log.flush(10)
    finally:
        logger.removeHandler(failing)
    written = capsys.readouterr().err
    assert written.count(type(error).__name__) >= 3


def test_the_access_log_of_a_full_disk() -> None:
    with open("/dev/full", "w", buffering=1) as full, serving(log=full) as server:
        assert talk(server, request()).endswith(b"hello")
        greenrt.sleep(0)
        # close() writes its buffer.
        null = os.open("/dev/null", os.O_WRONLY)
        os.dup2(null, full.fileno())
        os.close(null)


class LikeALogger:
    """The methods that gevent needs of a logger."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def log(self, level: int, text: str, *args: Any) -> None:
        self.lines.append((level, text % args if args else text))


class Writer:
    """The methods that gevent needs of a stream."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def texts(handler: Any) -> list[str]:
    return [record.getMessage() for record in handler.records]


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def test_logs_to_loggers() -> None:
    records = Records()
    logger = logging.Logger("mine")
    logger.addHandler(records)
    with serving(failing, log=logger, error_log=logging.LoggerAdapter(logger, {})) as server:
        talk(server, request())
        greenrt.sleep(0)
    error, access = records.records
    assert (access.levelname, error.levelname) == ("INFO", "ERROR")
    assert '"GET / HTTP/1.1" 500' in access.getMessage()
    assert "\n" not in access.getMessage()
    assert error.exc_info is not None
    assert error.filename == "wsgi.py"


def test_logs_to_what_is_like_a_logger() -> None:
    like = LikeALogger()
    with serving(failing, log=like, error_log=like) as server:
        talk(server, request())
        greenrt.sleep(0)
    assert sorted(level for level, _ in like.lines) == [logging.INFO, logging.ERROR]
    assert any("ZeroDivisionError: seen" in text for _, text in like.lines)


@pytest.mark.parametrize("kind", [io.StringIO, Writer])
def test_logs_to_streams(kind: Any) -> None:
    access, errors = kind(), kind()
    with serving(failing, log=access, error_log=errors) as server:
        talk(server, request())
        greenrt.sleep(0)
    written = [stream.getvalue() if kind is io.StringIO else stream.text for stream in (access, errors)]
    assert '"GET / HTTP/1.1" 500' in written[0]
    assert re.search(
        rf"^[-\d]+ [:\d,]+ \[{os.getpid()}\] ERROR: GET / from 127\.0\.0\.1:\d+ failed$", written[1], re.M
    )
    assert "ZeroDivisionError: seen" in written[1]


def test_the_default_logs_are_those_of_gevent(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(hello, log="default", error_log="default") as server:
        talk(server, request())
        greenrt.sleep(0)
    assert '"GET / HTTP/1.1" 200' in capsys.readouterr().err


@pytest.mark.parametrize("name", ["log", "error_log"])
def test_what_is_no_log_is_refused_at_once(name: str, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with open(tmp_path / "f", "rb+") as binary, open(tmp_path / "f") as unwritable:
        closed = io.StringIO()
        closed.close()
        wrong: list[tuple[Any, type[Exception]]] = [
            (3, TypeError),
            ("stderr", TypeError),
            (binary, TypeError),
            (unwritable, ValueError),
            (closed, ValueError),
        ]
        for value, kind in wrong:
            with pytest.raises(kind, match=f"^{name} must be ") as raised:
                WSGIServer(0, hello, **{name: value})
            assert repr(value) in str(raised.value)


def test_lines_that_an_output_does_not_take_are_dropped_beyond_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(access_log, "MOST_LINES", 10)
    may_write = greenrt.Event()
    lines: list[str] = []
    warnings: list[str] = []

    def write(text: str) -> None:
        may_write.wait()
        lines.extend(text.splitlines())

    monkeypatch.setattr(_log, "warn", lambda text, *args: warnings.append(text % args))
    with serving(log=write) as server:
        for _ in range(30):
            assert talk(server, request()).endswith(b"hello")
        may_write.set()
        greenrt.sleep(0.01)
    # One line was being written.
    assert len(lines) == 11
    assert warnings == ["19 lines of the access log were dropped while a write waited"]


def test_the_log_goes_on_after_the_end_of_a_greenlet_that_wrote() -> None:
    may_end = greenrt.Event()
    lines: list[str] = []

    def write(text: str) -> None:
        if not may_end.is_set():
            may_end.wait()
            raise greenrt.GreenletExit
        lines.extend(text.splitlines())

    with serving(log=write) as server:
        for _ in range(2):
            talk(server, request())
        may_end.set()
        greenrt.sleep(0.01)
        talk(server, request())
        greenrt.sleep(0.01)
    assert len(lines) == 2
