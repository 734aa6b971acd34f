"""The heads of requests and responses in gevent.pywsgi, where gevent accepts more or raises other errors."""

import re
from collections.abc import Iterable

from greenrt._typing import Any
from greenrt.serve.http.protocol import RequestError
from greenrt.serve.http.request_head import HeadParser

__all__ = ["Heads", "refuse_as_gevent"]

_HOST_FIELD = re.compile(rb"\r\nhost[ \t]*:", re.IGNORECASE)
_COOKIE2_FIELD = re.compile(rb"\r\ncookie2:[ \t]*([^\r]*)", re.IGNORECASE)


class Heads(HeadParser):
    """A parser of request heads that also accepts requests of HTTP/1.1 without Host, as gevent.

    Repeated Cookie2 fields are joined as cookies. What frames the body is checked as in all servers of greenrt.
    """

    __slots__ = ()

    def parse(self, head: bytes) -> dict[str, Any]:
        """See `HeadParser.parse`."""
        cookies = _COOKIE2_FIELD.findall(head)
        if len(cookies) > 1:
            head = _COOKIE2_FIELD.sub(b"", head) + b"\r\nCookie2: " + b"; ".join(cookies)
        try:
            return super().parse(head)
        except RequestError:
            if _HOST_FIELD.search(head):
                raise
        # An empty Host is valid.
        environ = super().parse(head + b"\r\nHost:")
        # A URL as the target has a host.
        if not environ["HTTP_HOST"]:
            del environ["HTTP_HOST"]
        return environ


def refuse_as_gevent(status: Any, headers: Iterable[Any]) -> None:
    """Raise gevent's error for a status or headers that the engine has refused, if gevent has one of its own.

    That is ValueError with a fixed text for line breaks, and UnicodeError for a name or a value that is no str.
    """
    parts = [("status", status)]
    for name, value in headers:
        parts += [("header name", name), ("header value", value)]
    for what, text in parts:
        if not isinstance(text, str):
            raise UnicodeError(f"the {what} must be a str, not {text!r}")
        if "\r" in text or "\n" in text:
            raise ValueError(f"carriage return or newline in {what}")
