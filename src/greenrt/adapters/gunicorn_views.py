"""The objects that gunicorn's hooks and its access log receive: requests, responses and safe atoms."""

from greenrt._typing import Any
from greenrt.serve.http.connection_state import HANDED_OVER

__all__ = ["Refused", "Request", "Response", "escaping"]

# Characters that end a line in some reader, or control a terminal.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_CONTROLS |= {code: f"\\u{code:04x}" for code in (0x2028, 0x2029)}


class Request:
    """A request with the attributes of `gunicorn.http.message.Request` that hooks use."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.method: Any = environ["REQUEST_METHOD"]
        self.uri: Any = environ["REQUEST_URI"]
        # The path as the client sent it: not decoded, and with SCRIPT_NAME.
        self.path: Any = self.uri.partition("?")[0]
        self.query: Any = environ["QUERY_STRING"]
        self.fragment = ""
        self.version: tuple[int, int] = (1, 1) if environ["SERVER_PROTOCOL"] == "HTTP/1.1" else (1, 0)
        self.scheme: Any = environ["wsgi.url_scheme"]
        self.body: Any = environ["wsgi.input"]
        port = environ["REMOTE_PORT"]
        self.peer_addr: Any = (environ["REMOTE_ADDR"], int(port)) if port else ""
        self.remote_addr: Any = self.peer_addr
        # Pairs of a name in upper case and a value.
        self.headers: list[tuple[str, Any]] = [
            (key.removeprefix("HTTP_").replace("_", "-"), value)
            for key, value in environ.items()
            if key.startswith("HTTP_") or (key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value)
        ]


class Response:
    """A response with the attributes of `gunicorn.http.wsgi.Response` that hooks and loggers use."""

    def __init__(self, exchange: Any) -> None:
        lines = [] if exchange.head is None else exchange.head.lines
        # A line such as "HTTP/1.1 200 OK". There is none if the application took the connection, or if the connection
        # broke before an answer. Loggers treat the status as a number.
        self.status: Any = (
            lines[0][9:] if lines else "101" if exchange.connection.state == HANDED_OVER else "000"
        )
        self.status_code: Any | None = None if exchange.head is None else exchange.head.code
        self.headers: list[tuple[str, ...]] = [
            tuple(line.split(": ", 1)) for line in lines[1:] if ": " in line
        ]
        self.headers_sent: Any = exchange.started
        self.sent: Any = exchange.sent


class Refused:
    """The response to a refused request, with the attributes that loggers use."""

    def __init__(self, refusal: Any) -> None:
        self.status: Any = refusal.status
        self.status_code: int = int(refusal.status[:3])
        self.headers: list[Any] = []
        self.sent: Any = refusal.sent


def escaping(atoms: Any) -> Any:
    """Return a subclass of a logger's atoms that escapes line breaks and control characters."""

    class Escaped(atoms):  # type: ignore[misc]
        def __init__(self, found: dict[str, Any]) -> None:
            super().__init__(
                {
                    name: value.translate(_CONTROLS) if isinstance(value, str) else value
                    for name, value in found.items()
                }
            )

    return Escaped
