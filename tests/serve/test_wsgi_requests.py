"""Requests that must be refused, and those that must be read exactly as RFC 9112 says."""

import pytest
from support.wsgi import echo, hello, limits, request, serving, split, talk

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
POST = "POST / HTTP/1.1"


def post(*fields: str, body: bytes = b"") -> bytes:
    return request(*fields, line=POST, body=body, close=False)


# What follows each is a request that must not be served: the server can't know where it begins.
MALFORMED = {
    "length and coding": post("Content-Length: 6", CHUNKED, body=b"0\r\n\r\n"),
    "coding and length": post(CHUNKED, "Content-Length: 6", body=b"0\r\n\r\n"),
    "coding that only looks chunked": post("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "chunked is not last": post("Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "identity": post("Transfer-Encoding: identity"),
    "two codings": post(CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    "empty coding": post("Transfer-Encoding:"),
    "coding with a vertical tab": post("Transfer-Encoding: \x0bchunked"),
    "two lengths": post("Content-Length: 3", "Content-Length: 4", body=b"abcd"),
    "two equal lengths": post("Content-Length: 3", "Content-Length: 3", body=b"abc"),
    "a list of lengths": post("Content-Length: 3, 3", body=b"abc"),
    "length with a plus": post("Content-Length: +3", body=b"abc"),
    "length with an underscore": post("Content-Length: 3_0", body=b"abc"),
    "negative length": post("Content-Length: -1"),
    "hexadecimal length": post("Content-Length: 0x3", body=b"abc"),
    "empty length": post("Content-Length:"),
    "length in other digits": post("Content-Length: \xb2"),
    "length beyond all bounds": post("Content-Length: " + "9" * 25),
    "space before the colon": post("Content-Length : 3", body=b"abc"),
    "tab before the colon": post("Content-Length\t: 3", body=b"abc"),
    "folded field": request("X: a", " b", close=False),
    "folded with a tab": request("X: a", "\tb", close=False),
    "space before the first field": b"GET / HTTP/1.1\r\n Host: test\r\n\r\n",
    "carriage return in a value": request("X: a\rY: b", close=False),
    "NUL in a value": request("X: a\0b", close=False),
    "control character in a value": request("X: a\x01b", close=False),
    "DEL in a value": request("X: a\x7fb", close=False),
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "Host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "Host with a user": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "Host with a space": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "line feeds only": b"GET / HTTP/1.1\nHost: test\n\n",
    "line feed after the request line": b"GET / HTTP/1.1\nHost: test\r\n\r\n",
    "line feed after a field": b"GET / HTTP/1.1\r\nHost: test\nX: y\r\n\r\n",
    "field without a colon": request("abc", close=False),
    "field without a name": request(": abc", close=False),
    "name with a space": request("a b: c", close=False),
    "name in brackets": request("(a): b", close=False),
    "name beyond ASCII": request("\xe4: b", close=False),
    "two spaces after the method": request(line="GET  / HTTP/1.1", close=False),
    "tab after the method": request(line="GET\t/ HTTP/1.1", close=False),
    "space after the version": request(line="GET / HTTP/1.1 ", close=False),
    "no version": request(line="GET /", close=False),
    "lower case version": request(line="GET / http/1.1", close=False),
    "another protocol": request(line="GET / RTSP/1.0", close=False),
    "version with a sign": request(line="GET / HTTP/+1.1", close=False),
    "target with a control character": request(line="GET /\x01 HTTP/1.1", close=False),
    "target beyond ASCII": request(line="GET /\xe4 HTTP/1.1", close=False),
    "target with a fragment": request(line="GET /a#b HTTP/1.1", close=False),
    "target that is no path": request(line="GET foo HTTP/1.1", close=False),
    "target without a host": request(line="GET http:/// HTTP/1.1", close=False),
    "method that is no token": request(line="G(T / HTTP/1.1", close=False),
    "two empty lines before": b"\r\n\r\n" + request(close=False),
    "a space before": b" " + request(close=False),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}

BAD_CHUNKS = {
    "size with 0x": b"0x3\r\nabc\r\n0\r\n\r\n",
    "size with a plus": b"+3\r\nabc\r\n0\r\n\r\n",
    "size with an underscore": b"0_3\r\nabc\r\n0\r\n\r\n",
    "size with a space before": b" 3\r\nabc\r\n0\r\n\r\n",
    "size with a space after": b"3 \r\nabc\r\n0\r\n\r\n",
    "negative size": b"-3\r\nabc\r\n0\r\n\r\n",
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "no size but an extension": b";a=b\r\nabc\r\n0\r\n\r\n",
    "size of 17 digits": b"0" * 16 + b"3\r\nabc\r\n0\r\n\r\n",
    "size that overflows": b"f" * 17 + b"\r\nabc\r\n0\r\n\r\n",
    "line feed after the size": b"3\nabc\r\n0\r\n\r\n",
    "line feed after the data": b"3\r\nabc\n0\r\n\r\n",
    "carriage return after the data": b"3\r\nabc\r0\r\n\r\n",
    "no line end after the data": b"3\r\nabcd\r\n0\r\n\r\n",
    "line feed in an extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "carriage return in an extension": b"3;a\rb\r\nabc\r\n0\r\n\r\n",
    "extension too long": b"3;" + b"a" * 300 + b"\r\nabc\r\n0\r\n\r\n",
    "line feed after the last chunk": b"3\r\nabc\r\n0\n\r\n",
    "line feed as the last line": b"3\r\nabc\r\n0\r\n\n",
    "trailer without a colon": b"3\r\nabc\r\n0\r\nabc\r\n\r\n",
    "trailer with a space before the colon": b"3\r\nabc\r\n0\r\na : b\r\n\r\n",
    "trailer with a length": b"3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n",
    "trailer with a coding": b"3\r\nabc\r\n0\r\ntransfer-encoding: chunked\r\n\r\n",
    "folded trailer": b"3\r\nabc\r\n0\r\na: b\r\n c\r\n\r\n",
    "trailer with NUL": b"3\r\nabc\r\n0\r\na: \0\r\n\r\n",
    "trailers too long": b"3\r\nabc\r\n0\r\n" + b"a: b\r\n" * 3000 + b"\r\n",
}


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
    """Also where the application answers without reading it."""
    with serving(hello) as server:
        answer = talk(server, post(CHUNKED, body=BAD_CHUNKS[name]) + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1


REFUSED_OTHERWISE = {
    "another coding": (post("Transfer-Encoding: gzip, chunked"), 501),
    "CONNECT": (request(line="CONNECT test:80 HTTP/1.1"), 501),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/1.2": (request(line="GET / HTTP/1.2"), 505),
    "expectation": (post("Expect: a miracle"), 417),
    "coding in HTTP/1.0": (request(CHUNKED, line="POST / HTTP/1.0", body=b"0\r\n\r\n"), 400),
    "long target": (request(line=f"GET /{'a' * 9000} HTTP/1.1"), 414),
    "long field": (request("a: " + "b" * 9000), 431),
    "long head": (request(*["a: " + "b" * 1000] * 50), 431),
    "many fields": (request(*["a: b"] * 101), 431),
    "large body": (post("Content-Length: 2000"), 413),
    "endless request line": (b"GET /" + b"a" * 9000, 414),
    "endless field": (b"GET / HTTP/1.1\r\na: " + b"b" * 9000, 431),
}


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


def test_a_chunked_body_beyond_the_limit_is_refused() -> None:
    with serving(echo, limits=limits(body=5)) as server:
        answer = talk(server, post(CHUNKED, body=b"3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n") + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.count(b"HTTP/1.1 ") == 1


ACCEPTED = {
    "length": (post("Content-Length: 3", body=b"abc"), b"abc"),
    "length with zeros": (post("Content-Length: 003", body=b"abc"), b"abc"),
    "length 0": (post("Content-Length: 0"), b""),
    "chunks": (post(CHUNKED, body=b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), b"abcde"),
    "coding in capitals": (post("Transfer-Encoding: Chunked", body=b"3\r\nabc\r\n0\r\n\r\n"), b"abc"),
    "hexadecimal sizes": (
        post(CHUNKED, body=b"0A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
        b"0123456789" * 2,
    ),
    "extension": (post(CHUNKED, body=b'3;a=b;c="d"\r\nabc\r\n0;e\r\n\r\n'), b"abc"),
    "trailers": (post(CHUNKED, body=b"3\r\nabc\r\n0\r\nA: b\r\nHost: evil\r\n\r\n"), b"abc"),
    "zeros": (post(CHUNKED, body=b"0003\r\nabc\r\n000\r\n\r\n"), b"abc"),
    "an empty line before": (b"\r\n" + post("Content-Length: 3", body=b"abc"), b"abc"),
}


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

    def application(environ, start_response):  # type: ignore[no-untyped-def]
        seen.append(environ)
        return hello(environ, start_response)

    with serving(application) as server:
        assert talk(server, request(field)).startswith(b"HTTP/1.1 200 ")
    assert seen[0].get(key) == value


def test_repeated_fields_are_joined() -> None:
    seen: list[dict[str, object]] = []

    def application(environ, start_response):  # type: ignore[no-untyped-def]
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

    def application(environ, start_response):  # type: ignore[no-untyped-def]
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
