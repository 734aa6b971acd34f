"""Requests that must be refused, and requests that must be read exactly as RFC 9112 says."""

from collections.abc import Callable
from typing import Any

import pytest
from support.http_vectors import (
    ACCEPTED,
    BAD_CHUNKS,
    CHUNKED,
    LAST,
    MALFORMED,
    REFUSED_OTHERWISE,
    SMUGGLED,
    post,
)
from support.wsgi import echo, hello, limits, request, serving, split, talk

StartResponse = Callable[..., Any]


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_head_is_refused(name: str) -> None:
    with serving(echo) as server:
        answer = talk(server, MALFORMED[name] + SMUGGLED)
    status, fields, _ = split(answer)
    assert status == "HTTP/1.1 400 Bad Request"
    assert fields["connection"] == "close"
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_head_is_refused_byte_by_byte(name: str) -> None:
    sent = MALFORMED[name] + SMUGGLED
    with serving(echo) as server:
        answer = talk(server, sent[:30], sent[30:45], sent[45:])
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_a_malformed_chunk_is_refused(name: str) -> None:
    with serving(echo) as server:
        answer = talk(server, post(CHUNKED, body=BAD_CHUNKS[name]) + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_no_request_is_taken_out_of_a_malformed_body(name: str) -> None:
    """This holds also if the application answers without reading the body."""
    with serving(hello) as server:
        answer = talk(server, post(CHUNKED, body=BAD_CHUNKS[name]) + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("name", REFUSED_OTHERWISE)
def test_what_is_not_served_is_refused(name: str) -> None:
    sent, code = REFUSED_OTHERWISE[name]
    with serving(echo, limits=limits(body=1000)) as server:
        answer = talk(server, sent + SMUGGLED)
    assert answer.startswith(f"HTTP/1.1 {code} ".encode())
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("name", "code"), [("request_line", b"414"), ("field", b"431"), ("head", b"431"), ("fields", b"431")]
)
@pytest.mark.parametrize("pieces", [1, 2])
def test_limits_may_be_small(name: str, code: bytes, pieces: int) -> None:
    sent = request("X: " + "y" * 40, line=f"GET /{'a' * 40} HTTP/1.1")
    with serving(limits=limits(**{name: 2 if name == "fields" else 30})) as server:
        answer = talk(server, sent) if pieces == 1 else talk(server, sent[:50], sent[50:])
    assert answer.startswith(b"HTTP/1.1 " + code)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("fields", None, TypeError),
        ("fields", 1.5, TypeError),
        ("fields", True, TypeError),
        ("idle_timeout", "1", TypeError),
        ("idle_timeout", 0, ValueError),
        ("body_rate", 0, ValueError),
        ("head_timeout", float("nan"), ValueError),
        ("requests", -1, ValueError),
    ],
)
def test_what_is_no_limit(name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        limits(**{name: value})


def test_limits_of_nothing() -> None:
    limits(body=0, chunk_extension=0, trailers=0, unread=0)


def test_a_chunked_body_beyond_the_limit_is_refused() -> None:
    with serving(echo, limits=limits(body=5)) as server:
        answer = talk(server, post(CHUNKED, body=b"3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n") + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.parametrize("step", [1, 7, 10000])
def test_a_body_is_read_to_its_end_and_no_further(name: str, step: int) -> None:
    sent, body = ACCEPTED[name]
    sent += request(line="GET /next HTTP/1.1")
    with serving(echo) as server:
        answer = talk(server, *(sent[place : place + step] for place in range(0, len(sent), step)))
    first, _, second = answer.partition(b"HTTP/1.1 200 OK")[2].partition(b"HTTP/1.1 200 OK")
    assert first.endswith(b"POST / " + body)
    assert second.endswith(b"GET /next ")


@pytest.mark.parametrize("name", LAST)
def test_nothing_is_served_after_the_last_request(name: str) -> None:
    with serving(hello) as server:
        answer = talk(server, LAST[name] + SMUGGLED)
    assert split(answer)[1]["connection"] == "close"
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("field", "key", "value"),
    [
        ("X-Forwarded-For: 1.2.3.4", "HTTP_X_FORWARDED_FOR", "1.2.3.4"),
        ("x-a:  b c \t ", "HTTP_X_A", "b c"),
        ("X-A:", "HTTP_X_A", ""),
        ("X-A: \xe4", "HTTP_X_A", "\xe4"),
        ("X-A: a:b", "HTTP_X_A", "a:b"),
        ("Content-Type: text/plain", "CONTENT_TYPE", "text/plain"),
        ("X_Forwarded_For: 1.2.3.4", "HTTP_X_FORWARDED_FOR", None),
        ("Content_Length: 5", "CONTENT_LENGTH", None),
        ("Proxy: evil", "HTTP_PROXY", None),
    ],
)
def test_fields_in_the_environ(field: str, key: str, value: str | None) -> None:
    seen: list[dict[str, object]] = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        seen.append(environ)
        return hello(environ, start_response)

    with serving(application) as server:
        assert talk(server, request(field)).startswith(b"HTTP/1.1 200 ")
    assert seen[0].get(key) == value


def test_repeated_fields_are_joined() -> None:
    seen: list[dict[str, object]] = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        seen.append(environ)
        return hello(environ, start_response)

    with serving(application) as server:
        talk(server, request("Accept: a", "Accept: b", "Cookie: c=1", "Cookie: d=2"))
    assert seen[0]["HTTP_ACCEPT"] == "a, b"
    assert seen[0]["HTTP_COOKIE"] == "c=1; d=2"


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        ("/a%20b?c=%20", "/a b", "c=%20", "test"),
        ("/%C3%A4", "/\xc3\xa4", "", "test"),
        ("//a", "//a", "", "test"),
        ("/a?b?c", "/a", "b?c", "test"),
        ("http://other:80/a?b", "/a", "b", "other:80"),
        ("http://other", "/", "", "other"),
        ("http://other?a", "/", "a", "other"),
        ("/%00%zz", "/\0%zz", "", "test"),
    ],
)
def test_targets(target: str, path: str, query: str, host: str) -> None:
    seen: list[dict[str, object]] = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        seen.append(environ)
        return hello(environ, start_response)

    with serving(application) as server:
        talk(server, request(line=f"GET {target} HTTP/1.1"))
    found = seen[0]
    assert (found["PATH_INFO"], found["QUERY_STRING"], found["HTTP_HOST"]) == (path, query, host)
    assert found["REQUEST_URI"] == target


def test_any_method_that_is_a_token_is_served() -> None:
    with serving(echo) as server:
        assert talk(server, request(line="FROBNICATE /a HTTP/1.1")).endswith(b"FROBNICATE /a ")
        assert talk(server, request(line="OPTIONS * HTTP/1.1")).endswith(b"OPTIONS * ")
