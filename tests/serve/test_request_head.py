"""The heads of one connection: a head that repeats the last one's fields is read like any other."""

from typing import Any

import pytest

from greenrt.serve.http.protocol import RequestError
from greenrt.serve.http.request_head import HeadParser

FIELDS = b"\r\nHost: test\r\nX-Color: red"
END = b"\r\n\r\n"
BASE = {"SERVER_NAME": "here"}


def heads() -> HeadParser:
    return HeadParser(BASE)


def fresh(head: bytes) -> dict[str, Any]:
    """Parse a head as the first one of a connection."""
    return heads().parse(head)


def test_repeated_fields() -> None:
    reader = heads()
    for target in (b"/a", b"/b?c=d", b"http://other/e", b"/f"):
        for method in (b"GET", b"POST"):
            head = method + b" " + target + b" HTTP/1.1" + FIELDS
            assert reader.parse(head) == fresh(head)


def test_what_an_application_does_to_an_environ_is_not_seen_again() -> None:
    reader = heads()
    head = b"GET / HTTP/1.1" + FIELDS
    for _ in range(4):
        environ = reader.parse(head)
        assert environ == fresh(head)
        environ["HTTP_X_COLOR"] = "blue"
        environ["HTTP_X_MORE"] = "more"
        del environ["HTTP_HOST"]
        del environ["SERVER_NAME"]
    assert BASE == {"SERVER_NAME": "here"}


def test_fields_that_change() -> None:
    reader = heads()
    for fields in (
        FIELDS,
        FIELDS,
        b"\r\nHost: test",
        FIELDS,
        FIELDS + b"\r\nX-Color: blue",
        b"\r\nHost: test",
        FIELDS,
    ):
        head = b"GET / HTTP/1.1" + fields
        assert reader.parse(head) == fresh(head)


@pytest.mark.parametrize(
    ("field", "plain"),
    [
        (b"Accept: */*", True),
        (b"Content-Length: 0", False),
        (b"Transfer-Encoding: chunked", False),
        (b"Expect: 100-continue", False),
        (b"Connection: close", False),
    ],
)
def test_a_plain_head_says_nothing_of_a_body_or_the_connection(field: bytes, plain: bool) -> None:
    reader = heads()
    other = b"GET / HTTP/1.1" + FIELDS + (b"\r\nConnection: close" if plain else b"")
    for _ in range(2):
        for _ in range(3):
            reader.parse(b"GET / HTTP/1.1" + FIELDS + b"\r\n" + field)
            assert reader.plain is plain
        reader.parse(other)
        assert reader.plain is not plain


def test_each_request_line_is_checked() -> None:
    reader = heads()
    for _ in range(3):
        reader.parse(b"GET / HTTP/1.1" + FIELDS)
    for line in (
        b"GET / HTTP/2.0",
        b"GET /\x7f HTTP/1.1",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\r",
    ):
        with pytest.raises(RequestError):
            reader.parse(line + FIELDS)


def test_no_host() -> None:
    reader = heads()
    for _ in range(3):
        assert "HTTP_HOST" not in reader.parse(b"GET / HTTP/1.0\r\nX-Color: red")
    with pytest.raises(RequestError, match="missing Host"):
        reader.parse(b"GET / HTTP/1.1\r\nX-Color: red")
    assert "HTTP_HOST" not in reader.parse(b"GET / HTTP/1.0")


def test_fields_too_long_to_be_remembered() -> None:
    reader = heads()
    long = b"\r\nHost: test\r\nX: " + b"y" * 5000
    for _ in range(3):
        assert reader.parse(b"GET / HTTP/1.1" + long) == fresh(b"GET / HTTP/1.1" + long)
        assert reader.parse(b"GET / HTTP/1.0") == fresh(b"GET / HTTP/1.0")


def again() -> HeadParser:
    """Return a parser that has parsed the same fields twice."""
    reader = heads()
    for _ in range(2):
        assert reader.parse_again(b"GET /a HTTP/1.1" + FIELDS + END) is None
        reader.parse(b"GET /a HTTP/1.1" + FIELDS)
    return reader


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1",
        b"GET / HTTP/1.0",
        b"POST /a%20b?c=%20&d? HTTP/1.1",
        b"GE#T /? HTTP/1.1",
        b"GET http://other/a?b HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
    ],
)
def test_a_whole_request_with_the_fields_of_the_last(line: bytes) -> None:
    reader = again()
    assert reader.parse_again(line + FIELDS + END) == fresh(line + FIELDS)
    # The parser keeps nothing of it.
    head = b"GET /b HTTP/1.1" + FIELDS
    assert reader.parse_again(head + END) == fresh(head)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nX-First: 1" + FIELDS + END,
        b"GET / HTTP/1.1" + END + b"GET / HTTP/1.1" + FIELDS + END,
        b"GET / HTTP/1.1" + FIELDS + END + b"GET / HTTP/1.1" + FIELDS + END,
        b"GET / HTTP/1.1" + FIELDS + END + b"G",
        b"GET / HTTP/1.1" + FIELDS + END[:-1],
        b"GET / HTTP/1.1\r" + FIELDS + END,
        b"\r\nGET / HTTP/1.1" + FIELDS + END,
        FIELDS + END,
    ],
)
def test_what_is_not_one_request_with_the_fields_of_the_last(data: bytes) -> None:
    assert again().parse_again(data) is None


@pytest.mark.parametrize(
    "line",
    [
        b"GET HTTP/1.1",
        b"GET  HTTP/1.1",
        b"GET / x HTTP/1.1",
        b" GET / HTTP/1.1",
        b" / HTTP/1.1",
        b"GET /\n HTTP/1.1",
        b"GET /a#b HTTP/1.1",
        b"GET /\xe9 HTTP/1.1",
        b"G@T / HTTP/1.1",
        b"GET / HTTP/2.0",
        b"GET /",
        b"GET ?a HTTP/1.1",
        b"GET a HTTP/1.1",
    ],
)
def test_a_wrong_request_line_with_the_fields_of_the_last(line: bytes) -> None:
    reader = again()
    # The head is refused here, or by `parse` at the latest.
    with pytest.raises(RequestError):
        if reader.parse_again(line + FIELDS + END) is None:
            reader.parse(line + FIELDS)


def test_a_request_without_fields_is_one() -> None:
    reader = heads()
    for _ in range(2):
        reader.parse(b"GET / HTTP/1.0")
    assert reader.parse_again(b"GET /c HTTP/1.0" + END + b"\r\n") is None
