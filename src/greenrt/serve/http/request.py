"""Read the next request of a connection: its environ, how its body is framed, and whether the connection persists."""

from greenrt import _original
from greenrt._typing import Any
from greenrt.serve.http.connection import Connection
from greenrt.serve.http.connection_socket import ConnectionSocket
from greenrt.serve.http.exchange import Exchange
from greenrt.serve.http.limits import Limits
from greenrt.serve.http.protocol import RequestError, bad_request
from greenrt.serve.http.request_body import NO_BODY, ChunkedBody, LengthBody
from greenrt.serve.http.request_head import HeadParser

__all__ = ["read_request"]


def read_request(connection: Connection, heads: HeadParser) -> Exchange | None:
    """Wait for the next request and return its `Exchange`, or None if the client sends no more.

    Raise RequestError if the request must be refused, OSError if the connection fails.
    """
    if not connection.begin():
        return None
    environ = None
    if connection.position == 0 and len(connection.buffer) <= connection.short:
        environ = heads.parse_again(connection.buffer)
    if environ is not None:
        connection.buffer = b""
    else:
        heads.forget()
        head = connection.read_head()
        if head is None:
            return None
        environ = heads.parse(head)
    modern = heads.modern
    if heads.plain:
        return Exchange(connection, heads, environ, NO_BODY, modern)
    body = _framed(environ, modern, connection)
    reusable = _persistent(environ, modern, connection, body)
    return Exchange(connection, heads, environ, body, reusable)


def _persistent(environ: dict[str, Any], modern: bool, connection: Connection, body: Any) -> bool:
    """Return whether the client wants to keep the connection.

    If the client asks for another protocol, add the functions and sockets that hand over the connection to the
    environ.
    """
    options = environ.get("HTTP_CONNECTION")
    if options is None or (modern and options == "keep-alive"):
        return modern
    listed = {option.strip(" \t") for option in options.lower().split(",")}
    if "upgrade" in listed and modern and "HTTP_UPGRADE" in environ:
        hand_over = connection.hand_over if body is NO_BODY else body.hand_over
        environ["greenrt.upgrade"] = hand_over
        # WebSocket libraries look for the connection under these names.
        environ["gunicorn.socket"] = environ["werkzeug.socket"] = ConnectionSocket(connection, hand_over)
    return "close" not in listed and (modern or "keep-alive" in listed)


def _framed(environ: dict[str, Any], modern: bool, connection: Connection) -> Any:
    """Set ``wsgi.input`` and return the body that it reads from."""
    expected = False
    if modern and "HTTP_EXPECT" in environ:
        if environ["HTTP_EXPECT"].lower() != "100-continue":
            raise RequestError("417 Expectation Failed", "expectation other than 100-continue")
        expected = True
    length = environ.get("CONTENT_LENGTH")
    if "HTTP_TRANSFER_ENCODING" in environ:
        _check_coding(environ["HTTP_TRANSFER_ENCODING"], modern, length)
        body: Any = ChunkedBody(connection, expected)
    else:
        size = 0 if length is None else _checked_length(length, connection.limits)
        body = LengthBody(connection, expected, size) if size else NO_BODY
    environ["wsgi.input"] = body if body is NO_BODY else _original.BufferedReader(body)
    return body


def _check_coding(coding: str, modern: bool, length: str | None) -> None:
    # Proxies differ in how they read each of these, which makes request smuggling possible.
    if length is not None:
        raise bad_request("both Content-Length and Transfer-Encoding")
    if not modern:
        raise bad_request("Transfer-Encoding in HTTP/1.0")
    if coding.lower() == "chunked":
        return
    codings = [each.strip(" \t") for each in coding.lower().split(",")]
    if codings[-1] != "chunked" or codings.count("chunked") != 1:
        raise bad_request("Transfer-Encoding that does not end in its only chunked")
    raise RequestError("501 Not Implemented", "transfer coding other than chunked")


def _checked_length(length: str, limits: Limits) -> int:
    if not length.isascii() or not length.isdigit() or len(length) > 19:
        raise bad_request("invalid Content-Length")
    size = int(length)
    if limits.body is not None and size > limits.body:
        raise RequestError("413 Content Too Large", f"body of more than {limits.body} bytes")
    return size
