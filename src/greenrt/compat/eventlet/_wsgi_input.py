"""The body of a request as eventlet's applications see it: ``wsgi.input``, over greenrt's HTTP engine."""

from collections.abc import Callable, Iterable, Iterator

from greenrt._typing import Any
from greenrt.serve.http.connection import Connection
from greenrt.serve.http.connection_socket import ConnectionSocket
from greenrt.serve.http.request_body import NO_BODY, ChunkedBody

__all__ = ["ChunkReadError", "Input", "capitalized"]


class ChunkReadError(ValueError):
    """A body in chunks is malformed or ends early. Its cause is the engine's error."""


class Input:
    """``wsgi.input`` and ``eventlet.input``.

    Arguments: `connection` and `body`, the engine's connection and body; `reader`, the buffered file over the body;
    `environ`.
    """

    def __init__(self, connection: Connection, body: Any, reader: Any, environ: dict[str, Any]) -> None:
        self._connection = connection
        self._body = body
        self._reader = reader
        self._environ = environ
        self._socket: Any = None
        self._continue_headers: list[tuple[str, str]] = []

    # -- Reading

    def read(self, length: int | None = None) -> bytes:
        """Return at most `length` bytes, or the rest of the body for None. Waits for the client."""
        return self._call(self._reader.read, length)  # type: ignore[no-any-return]

    def readline(self, size: int | None = None) -> bytes:
        """Return a line, or at most `size` bytes of it."""
        return self._call(self._reader.readline, size)  # type: ignore[no-any-return]

    def readlines(self, hint: int | None = None) -> list[bytes]:
        """Return the other lines; about `hint` bytes at most."""
        return self._call(self._reader.readlines, hint)  # type: ignore[no-any-return]

    def _call(self, method: Callable[[int], Any], size: int | None) -> Any:
        if self._continue_headers and self.should_send_hundred_continue:
            self.send_hundred_continue_response()
        try:
            return method(-1 if size is None else size)
        except OSError as error:
            if self.chunked_input:
                raise ChunkReadError(str(error)) from error
            raise

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.read, b"")

    def discard(self, buffer_size: int = 16384) -> None:
        """Read and drop the rest of the body."""
        if self._body is not NO_BODY:
            self._body.drain()

    # -- 100 Continue

    @property
    def chunked_input(self) -> bool:
        """Whether the body is in chunks."""
        return isinstance(self._body, ChunkedBody)

    @property
    def should_send_hundred_continue(self) -> bool:
        """Whether the client waits for "100 Continue" before it sends the body."""
        return self._body is not NO_BODY and self._body.expected and not self._body.answered

    def set_hundred_continue_response_headers(
        self, headers: Iterable[tuple[str, str]], capitalize_response_headers: bool = True
    ) -> None:
        """Set the headers of the "100 Continue" that the next read or `send_hundred_continue_response` sends."""
        self._continue_headers = [
            (capitalized(name) if capitalize_response_headers else name, str(value))
            for name, value in headers
        ]

    def send_hundred_continue_response(self) -> None:
        """Send "100 Continue" with the headers that were set. Later calls send it again."""
        lines = [
            "HTTP/1.1 100 Continue",
            *(f"{name}: {value}" for name, value in self._continue_headers),
            "",
            "",
        ]
        if any(char in name + value for name, value in self._continue_headers for char in "\r\n"):
            raise ValueError(f"a header of 100 Continue has a line break: {self._continue_headers!r}")
        self._connection.send("\r\n".join(lines).encode("latin-1"))
        if self._body is not NO_BODY:
            self._body.expected = False

    # -- Another protocol

    def get_socket(self) -> Any:
        """Return the connection for another protocol. The first use of the socket takes it from the server."""
        if self._socket is None:
            given = self._environ.get("gunicorn.socket")
            body, connection = self._body, self._connection
            hand_over = connection.hand_over if body is NO_BODY else body.hand_over
            self._socket = given if given is not None else ConnectionSocket(connection, hand_over)
        return self._socket


def capitalized(name: str) -> str:
    """Return the name of a header in eventlet's spelling: Content-Type."""
    return "-".join(part.capitalize() for part in name.split("-"))
