"""What handlers of gevent.pywsgi read: the connection as a file, a request's body over a file, and its fields."""

import io
from collections.abc import Iterator
from http.client import HTTPMessage

from greenrt._typing import Any
from greenrt.serve.http.chunked import ChunkDecoder
from greenrt.serve.http.connection import Connection
from greenrt.serve.http.connection_socket import ConnectionSocket
from greenrt.serve.http.limits import Limits

__all__ = ["ConnectionReader", "Fields", "Input", "fields_of"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNK = 16384


class ConnectionReader(io.RawIOBase):
    """The bytes that a client sends after the request, as a raw file. The base of a handler's `rfile`.

    `used` says whether something has read from it; the server then can't read another request. `_sock` is the
    connection's socket for WebSocket libraries, which look for it there.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._taken: ConnectionSocket | None = None
        self.used: bool = False
        # While this is False, a read returns no more than what a buffer above has already.
        self.open: bool = True

    @property
    def _sock(self) -> ConnectionSocket:
        if self._taken is None:
            self._taken = ConnectionSocket(self._connection, self._connection.hand_over)
        return self._taken

    def readable(self) -> bool:
        """Return True: see `io.RawIOBase.readable`."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the connection."""
        return self._connection.sock.fileno()  # type: ignore[no-any-return]

    def readinto(self, buffer: Any) -> int | None:
        """Wait for bytes, without a timeout, and read them into `buffer`; return their number, 0 at the end."""
        if not self.open:
            return None
        self.used = True
        view = memoryview(buffer)
        return self._connection.take(view) or self._connection.receive_into(view, None)


class Input:
    """The body of a request over a file, as in gevent. The server itself gives applications another object.

    - `rfile`: a binary file.
    - `content_length`: the number of bytes of the body, or None without a body.
    - `socket`: the connection, if the client waits for "100 Continue" before it sends the body; otherwise None.
    - `chunked_input`: whether the body is in chunks.

    Reads raise OSError if the body is malformed or ends early.
    """

    def __init__(
        self, rfile: Any, content_length: int | None, socket: Any = None, chunked_input: bool = False
    ) -> None:
        self.rfile: Any = rfile
        self.content_length: int | None = content_length
        self.socket: Any = socket
        self.chunked_input: bool = chunked_input
        raw: io.RawIOBase = _Chunks(self) if chunked_input else _Counted(self)
        self._reader = io.BufferedReader(raw)

    def announce(self) -> None:
        """Send "100 Continue" if the client waits for it."""
        sock, self.socket = self.socket, None
        if sock is not None:
            sock.sendall(CONTINUE)

    def read(self, length: int | None = None) -> bytes:
        """Return at most `length` bytes, or the rest of the body for None."""
        return self._reader.read(-1 if length is None else length)

    def readline(self, size: int | None = None) -> bytes:
        """Return a line, or at most `size` bytes of it."""
        return self._reader.readline(-1 if size is None else size)

    def readlines(self, hint: int | None = None) -> list[bytes]:
        """Return the other lines."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line


class _Counted(io.RawIOBase):
    """A body of known length."""

    def __init__(self, owner: Input) -> None:
        self._owner = owner
        self._left = owner.content_length or 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            return 0
        self._owner.announce()
        data = self._owner.rfile.read(min(len(buffer), self._left))
        if not data:
            raise OSError(f"the request ends {self._left} bytes before the end of its body")
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


class _Chunks(io.RawIOBase):
    """A body in chunks."""

    def __init__(self, owner: Input) -> None:
        self._owner = owner
        self._decoder = ChunkDecoder(Limits())

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        decoder = self._decoder
        view = memoryview(buffer)
        while not decoder.done:
            self._owner.announce()
            # More must not be read than the decoder takes: the next request follows the body.
            data = self._owner.rfile.read(min(len(view), decoder.left) if decoder.left else 1)
            if not data:
                raise OSError("the request ends before the end of its chunked body")
            count: int = decoder.decode(data, 0, view)
            if count:
                return count
        return 0


class Fields(HTTPMessage):
    """The header fields of a request, with the methods of the messages of Python 2, as in gevent."""

    status = ""

    def getheader(self, name: str, default: Any = None) -> Any:
        """Return the value of a field, or `default`."""
        return self.get(name, default)

    @property
    def headers(self) -> Iterator[str]:
        """Return the lines of the fields."""
        return (f"{name}: {value}\r\n" for name, value in self.items())

    @property
    def typeheader(self) -> Any:
        """Return the value of Content-Type, or None."""
        return self.get("content-type")


def fields_of(environ: dict[str, Any]) -> Fields:
    """Return the fields from which an environ was made. Names are capitalized, and repeated fields are joined."""
    fields = Fields()
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            fields.add_header(key[5:].replace("_", "-").title(), value)
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            fields.add_header(key.replace("_", "-").title(), value)
    return fields
