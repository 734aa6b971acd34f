"""From a connection to the next request: its environ, how its body is framed, and whether the connection lives on."""

import io

from greenrt._typing import Any
from greenrt.serve.http.connection import Wire
from greenrt.serve.http.connection_socket import ConnectionSocket
from greenrt.serve.http.exchange import Exchange
from greenrt.serve.http.limits import Limits
from greenrt.serve.http.protocol import BAD_REQUEST, RequestError
from greenrt.serve.http.request_body import NO_BODY, ChunkedBody, LengthBody
from greenrt.serve.http.request_head import Heads

__all__ = ["read_request"]


def read_request(wire: Wire, heads: Heads) -> Exchange | None:
    """Wait for the next request; None if there is none. RequestError if it must be refused."""
    if not wire.begin():
        return None
    environ = None
    if wire.position == 0 and len(wire.buffer) <= wire.short:
        environ = heads.parse_again(wire.buffer)
    if environ is not None:
        wire.buffer = b""
    else:
        heads.forget()
        head = wire.read_head()
        if head is None:
            return None
        environ = heads.parse(head)
    modern = heads.modern
    if heads.plain:
        return Exchange(wire, heads, environ, NO_BODY, modern)
    body = _framed(environ, modern, wire)
    reusable = _persistent(environ, modern, wire, body)
    return Exchange(wire, heads, environ, body, reusable)


def _persistent(environ: dict[str, Any], modern: bool, wire: Wire, body: Any) -> bool:
    """Tell whether the client wants to go on with the connection, and set how it gets another protocol if it does."""
    options = environ.get("HTTP_CONNECTION")
    if options is None or (modern and options == "keep-alive"):
        return modern
    listed = {option.strip(" \t") for option in options.lower().split(",")}
    if "upgrade" in listed and modern and "HTTP_UPGRADE" in environ:
        hand_over = wire.hand_over if body is NO_BODY else body.hand_over
        environ["greenrt.upgrade"] = hand_over
        # Where libraries for WebSockets look for the connection.
        environ["gunicorn.socket"] = environ["werkzeug.socket"] = ConnectionSocket(wire, hand_over)
    return "close" not in listed and (modern or "keep-alive" in listed)


def _framed(environ: dict[str, Any], modern: bool, wire: Wire) -> Any:
    """Set ``wsgi.input``, and return what it reads from."""
    expected = False
    if modern and "HTTP_EXPECT" in environ:
        if environ["HTTP_EXPECT"].lower() != "100-continue":
            raise RequestError("417 Expectation Failed", "an expectation other than 100-continue")
        expected = True
    length = environ.get("CONTENT_LENGTH")
    if "HTTP_TRANSFER_ENCODING" in environ:
        _check_coding(environ["HTTP_TRANSFER_ENCODING"], modern, length)
        body: Any = ChunkedBody(wire, expected)
    else:
        size = 0 if length is None else _checked_length(length, wire.limits)
        body = LengthBody(wire, expected, size) if size else NO_BODY
    environ["wsgi.input"] = body if body is NO_BODY else io.BufferedReader(body)
    return body


def _check_coding(coding: str, modern: bool, length: str | None) -> None:
    # Each of these is read differently by some proxy: requests are smuggled that way.
    if length is not None:
        raise RequestError(BAD_REQUEST, "both Content-Length and Transfer-Encoding")
    if not modern:
        raise RequestError(BAD_REQUEST, "Transfer-Encoding in HTTP/1.0")
    if coding.lower() == "chunked":
        return
    codings = [each.strip(" \t") for each in coding.lower().split(",")]
    if codings[-1] != "chunked" or codings.count("chunked") != 1:
        raise RequestError(BAD_REQUEST, "a Transfer-Encoding that doesn't end in its only chunked")
    raise RequestError("501 Not Implemented", "a transfer coding besides chunked")


def _checked_length(length: str, limits: Limits) -> int:
    if not length.isascii() or not length.isdigit() or len(length) > 19:
        raise RequestError(BAD_REQUEST, "a Content-Length that is no number")
    size = int(length)
    if limits.body is not None and size > limits.body:
        raise RequestError("413 Content Too Large", f"a body of more than {limits.body} bytes")
    return size
