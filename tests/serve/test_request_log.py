"""The logs of requests: each request has its line, refused ones too, and no request can forge one."""

import logging
import re
import tempfile
from collections.abc import Callable
from typing import Any

import pytest
from support.http_vectors import CHUNKED, post
from support.wsgi import answering, echo, hello, limits, logged, request, serving, talk, until_end

import greenrt
from greenrt.green import socket
from greenrt.serve import WSGIServer
from greenrt.serve.http import access_log

StartResponse = Callable[..., Any]

# The address, the request, the status and the size.
LINE = re.compile(r'(\S+) - - \[[^\]"]*\] "([^"\\]*)" (\d{3}|-) (\d+|-)')


def parsed(lines: list[str]) -> list[tuple[str, ...]]:
    """Return the fields of each line of an access log, as a reader that knows all line ends parses them."""
    greenrt.sleep(0)
    found = [LINE.fullmatch(line) for line in "".join(lines).splitlines()]
    assert all(found), lines
    return [match.groups() for match in found if match is not None]


# The bytes sent, and the request line in the log.
REFUSED = {
    "400": (request("a b: c", close=False), "-"),
    "400 no request": (b"nonsense\r\n\r\n", "-"),
    "400 of the target": (request(line="GET p HTTP/1.1", close=False), "GET p HTTP/1.1"),
    "400 of the framing": (post("Content-Length: x"), "POST / HTTP/1.1"),
    "400 of a chunk": (post(CHUNKED, body=b"x\r\n"), "POST / HTTP/1.1"),
    "408": (b"GET / HTTP/1.1\r\nHost: t", "-"),
    "408 of a body": (post("Content-Length: 9", body=b"abc"), "POST / HTTP/1.1"),
    "413": (post("Content-Length: 1001"), "POST / HTTP/1.1"),
    "413 of chunks": (post(CHUNKED, body=b"3e9\r\n" + b"a" * 1001 + b"\r\n0\r\n\r\n"), "POST / HTTP/1.1"),
    "414": (b"GET /" + b"a" * 9000, "-"),
    "417": (post("Expect: a miracle"), "POST / HTTP/1.1"),
    "431": (request("a: " + "b" * 9000), "-"),
    "431 of the count": (request(*["a: b"] * 101), "-"),
    "501": (post("Transfer-Encoding: gzip, chunked"), "POST / HTTP/1.1"),
    "501 CONNECT": (request(line="CONNECT h:1 HTTP/1.0"), "CONNECT h:1 HTTP/1.0"),
    "505": (request(line="GET / HTTP/3.0"), "-"),
}
USED = request("A: b", line="PUT /earlier HTTP/1.1", close=False)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("used", [0, 1, 3])
def test_refused_requests_are_logged(name: str, used: int, caplog: pytest.LogCaptureFixture) -> None:
    """The line has the peer's address, and nothing of earlier requests on the same connection."""
    sent, line = REFUSED[name]
    lines: list[str] = []
    settings = limits(body=1000, head_timeout=0.3, body_timeout=0.3)
    with serving(echo, log=lines.append, limits=settings) as server:
        answer = talk(server, *[USED] * used, sent)
        found = parsed(lines)
    assert answer.count(b"HTTP/1.1 200 ") == used
    assert found[:-1] == [("127.0.0.1", "PUT /earlier HTTP/1.1", "200", "13")] * used
    body = answer.rpartition(b"\r\n\r\n")[2]
    assert found[-1] == ("127.0.0.1", line, name[:3], str(len(body)))
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert re.search(rf" from 127\.0\.0\.1:\d+ was refused: {name[:3]} [A-Z]", record.getMessage())
    assert "earlier" not in record.getMessage()


def test_a_client_at_a_unix_socket_has_no_address(caplog: pytest.LogCaptureFixture) -> None:
    """The method's name may have line ends in it."""
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder, caplog.at_level(logging.DEBUG, "greenrt.serve"):
        with WSGIServer(f"unix:{folder}/s", log=lines.append, application=hello):
            for sent in (b"nonsense\r\n\r\n", request()):
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.bind(f"{folder}/client\n{len(sent)}")
                    sock.connect(f"{folder}/s")
                    sock.sendall(sent)
                    until_end(sock)
            assert [fields[0] for fields in parsed(lines)] == ["-", "-"]
    assert not any("\n" in record.getMessage() for record in caplog.records)


def test_warnings_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    lines: list[str] = []
    with serving(log=lines.append) as server:
        for _ in range(30):
            talk(server, b"nonsense\r\n\r\n")
        texts = [record.getMessage() for record in caplog.records]
        assert len(texts) == access_log.MOST_WARNINGS
        assert texts[-1].endswith("; in the next 60 s refusals are only counted")
        assert len(parsed(lines)) == 30
    assert [record.getMessage() for record in caplog.records[access_log.MOST_WARNINGS :]] == [
        f"{30 - access_log.MOST_WARNINGS} more requests were refused"
    ]


def test_suppressed_warnings_are_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The count is logged when the first connection ends after the window; then warnings are logged again."""
    now = 0.0
    monkeypatch.setattr(access_log, "monotonic", lambda: now)
    with serving() as server:
        for _ in range(15):
            talk(server, b"nonsense\r\n\r\n")
        now = 61.0
        talk(server, request())
        for _ in range(2):
            talk(server, b"nonsense\r\n\r\n")
    texts = [record.getMessage().partition(" ")[0] for record in caplog.records]
    assert texts == ["a"] * access_log.MOST_WARNINGS + [str(15 - access_log.MOST_WARNINGS)] + ["a"] * 2
    assert all(record.levelname == "WARNING" for record in caplog.records)


ADDRESSES = {
    '1.2.3.4" 200 5\n6.7.8.9': r"1.2.3.4\x22\x20200\x205\x0a6.7.8.9",
    "a b": r"a\x20b",
    "a\\x22": r"a\x5cx22",
    "\x1b[31m": r"\x1b[31m",
    "a\x85b": r"a\x85b",
    "a\x9bb": r"a\x9bb",
    "a\u2028b": r"a\u2028b",
    "a\U0001f600": r"a\U0001f600",
    "a\udc80": r"a\udc80",
    "\r\v\f\x1c\x7f\0\t": r"\x0d\x0b\x0c\x1c\x7f\x00\x09",
    "10.0.0.1": "10.0.0.1",
    "fe80::1%lo": "fe80::1%lo",
    "": "-",
    None: "-",
    b"10.0.0.1": "-",
    5: "-",
}


@pytest.mark.parametrize("refused", [False, True])
def test_an_address_set_by_middleware_forges_nothing(refused: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Middleware for proxies takes the address from a field that any client can send."""
    given: list[Any] = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        environ["REMOTE_ADDR"] = given[-1]
        return echo(environ, start_response)

    for address, shown in ADDRESSES.items():
        given.append(address)
        lines: list[str] = []
        caplog.clear()
        with serving(application, log=lines.append) as server:
            talk(server, post(CHUNKED, body=b"x\r\n") if refused else request())
            [fields] = parsed(lines)
        assert fields[0] == shown
        assert fields[2] == ("400" if refused else "200")
        if refused:
            # The error log has the address of the connection itself.
            assert logged(caplog)[0].startswith("POST / from PEER was refused: ")


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ('/a"b', "/a%22b"),
        ("/a\\b", "/a%5Cb"),
        ('/" 200 5', None),
        ("/\\x0a", "/%5Cx0a"),
        ("/a\x85b", None),
        ("/a\x9bb", None),
        ("/a\nb", None),
        ("/%0a%22", "/%0a%22"),
    ],
)
def test_a_target_forges_nothing(target: str, shown: str | None) -> None:
    lines: list[str] = []
    with serving(log=lines.append) as server:
        talk(server, request(line=f"GET {target} HTTP/1.1"))
        [fields] = parsed(lines)
    assert fields[1:3] == (("-", "400") if shown is None else (f"GET {shown} HTTP/1.1", "200"))


def test_requests_that_break_off_are_logged() -> None:
    """The application has seen these requests, so the access log has them as well."""
    lines: list[str] = []
    begun = greenrt.Event()

    def endless(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [])
        while True:
            yield b"a" * 65536

    def stuck(environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [])
        begun.set()
        greenrt.sleep(60)

    with serving(endless, log=lines.append) as server:
        with socket.create_connection(server.address) as sock:
            sock.sendall(request())
            sock.recv(1000)
        while not lines:
            greenrt.sleep(0.01)
    with serving(stuck, log=lines.append) as server, socket.create_connection(server.address) as sock:
        sock.sendall(request())
        assert begun.wait(30)
        server.stop(0)
    first, second = parsed(lines)
    assert first[1:3] == ("GET / HTTP/1.1", "200")
    assert second[1:] == ("GET / HTTP/1.1", "-", "-")


def test_a_refusal_is_logged_though_its_client_is_gone() -> None:
    lines: list[str] = []
    with serving(answering([]), log=lines.append) as server:
        with socket.create_connection(server.address) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.sendall(b"nonsense\r\n\r\n")
        while not lines:
            greenrt.sleep(0.01)
        assert [fields[2] for fields in parsed(lines)] == ["400"]
