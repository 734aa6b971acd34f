"""The form of the request target against the method (RFC 9112 3.2)."""

from typing import Any

import pytest
from support.wsgi import hello, request, serving, split, talk

# By method and target: the path, the query and the Host that the application sees.
SERVED = {
    ("OPTIONS", "*"): ("*", "", "test"),
    ("OPTIONS", "/"): ("/", "", "test"),
    ("OPTIONS", "/*"): ("/*", "", "test"),
    ("OPTIONS", "http://h"): ("*", "", "h"),
    ("OPTIONS", "HTTPS://h:8001"): ("*", "", "h:8001"),
    ("OPTIONS", "http://h/"): ("/", "", "h"),
    ("OPTIONS", "http://h?q"): ("/", "q", "h"),
    ("GET", "http://h"): ("/", "", "h"),
    ("GET", "http://h:"): ("/", "", "h:"),
    ("POST", "http://h?q"): ("/", "q", "h"),
    ("GET", "http://[::1]:80/p?q"): ("/p", "q", "[::1]:80"),
    ("GET", "//h/p"): ("//h/p", "", "test"),
    ("GET", "/http://h/p"): ("/http://h/p", "", "test"),
    ("FROB", "/p"): ("/p", "", "test"),
    ("connect", "/p"): ("/p", "", "test"),
    ("CONNECTED", "/p"): ("/p", "", "test"),
}


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_forms_that_are_served(version: str) -> None:
    seen: list[Any] = []

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        seen.append((environ["PATH_INFO"], environ["QUERY_STRING"], environ["HTTP_HOST"]))
        assert environ["REQUEST_URI"] == environ["PATH_INFO"] or environ["PATH_INFO"] == "/*" or ":" in target
        return hello(environ, start_response)

    with serving(application) as server:
        for method, target in SERVED:
            # A repeated request takes another path through the parser.
            sent = request("Connection: keep-alive", line=f"{method} {target} HTTP/{version}", close=False)
            talk(server, sent, sent, sent, request(line="GET / HTTP/1.0"))
            assert seen[:-1] == [SERVED[method, target]] * 3, (method, target)
            seen.clear()


REFUSED = {
    400: [
        *(f"{method} *" for method in ("GET", "HEAD", "POST", "TRACE", "options", "CONNECT")),
        *(f"OPTIONS {target}" for target in ("**", "*?", "*?q", "*/", "h", "h:80", "?q")),
        *(f"CONNECT {target}" for target in ("/", "/p", "//h:80", "http://h:80", "http://h/", "h", "?q")),
        *(f"CONNECT {target}" for target in ("h:", ":80", "h:0", "h:65536", "h:000080", "h:8x", "h:-1")),
        *(
            f"CONNECT {target}"
            for target in ("u@h:80", "h:80/", "h:80?q", "a:b:80", "::1:80", "[::1]", "[]:80")
        ),
        "CONNECT h:" + "9" * 5000,
        *(f"GET {target}" for target in ("h", "h:80", "p", "?q", "http:", "http:/p", "http:p", "ftp://h/")),
        *(f"GET http://{rest}" for rest in ("", "/", "/p", "?q", ":", ":80", ":80/p", "u@h/", "@h/", ":@h/")),
        *(f"GET http://{rest}" for rest in ("h:x/", "h:80:80/", "[]/", "[h]/", "[::1/", "::1/", "a b/")),
        *(f"OPTIONS http://{rest}" for rest in ("", ":80", "?", "/")),
    ],
    501: ["CONNECT h:80", "CONNECT [::1]:443", "CONNECT 10.0.0.1:1", "CONNECT h:65535"],
}


@pytest.mark.parametrize("code", REFUSED)
def test_forms_that_are_refused(code: int) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        pytest.fail("the application was called")

    with serving(application) as server:
        for line in REFUSED[code]:
            for version in ("1.1", "1.0"):
                status, fields, _ = split(talk(server, request(line=f"{line} HTTP/{version}") + request()))
                assert status.startswith(f"HTTP/1.1 {code} "), line
                assert fields["connection"] == "close"


def test_forms_that_are_refused_after_requests_with_the_same_fields() -> None:
    """Repeated fields are not parsed again; the request line is."""
    with serving() as server:
        for code, lines in REFUSED.items():
            for line in lines:
                sent = [request(close=False)] * 3
                answer = talk(server, *sent, request(line=f"{line} HTTP/1.1", close=False))
                assert answer.count(b"HTTP/1.1 200 ") == 3
                assert answer.count(b"HTTP/1.1 %d " % code) == 1
