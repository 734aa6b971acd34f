"""One request and its response: the server's side of PEP 3333."""

import os
import stat
from collections.abc import Callable

from greenrt import _original
from greenrt._typing import Any
from greenrt.serve.http.connection import Connection
from greenrt.serve.http.connection_state import HANDED_OVER
from greenrt.serve.http.request_body import NO_BODY
from greenrt.serve.http.request_head import HeadParser
from greenrt.serve.http.response_head import ResponseHead

__all__ = ["Exchange", "FileWrapper"]

# A body in several parts up to this length is sent in one piece.
JOINED = 65536
# A part up to this length is copied, so that it is sent together with the bytes before it. Each client that is slow
# to read would hold the copy of a longer one.
COPIED = 16384


class FileWrapper:
    """The class for ``wsgi.file_wrapper``: an iterable over a file.

    A plain binary file of `io` is sent with sendfile(2).
    """

    def __init__(self, file: Any, block_size: int = 65536) -> None:
        self.file = file
        self.block_size = block_size
        if hasattr(file, "close"):
            self.close: Any = file.close

    def __iter__(self) -> "FileWrapper":
        return self

    def __next__(self) -> bytes:
        data: bytes = self.file.read(self.block_size)
        if not data:
            raise StopIteration
        return data


class Exchange:
    """A request and the response to it.

    `body` is what ``wsgi.input`` reads from. `reusable` says whether the connection can carry another exchange; at
    first it says whether the client wants that.
    """

    __slots__ = (
        "body",
        "chunked",
        "connection",
        "environ",
        "head",
        "is_head",
        "left",
        "method",
        "modern",
        "reusable",
        "sent",
        "started",
        "target",
    )

    def __init__(
        self, connection: Connection, heads: HeadParser, environ: dict[str, Any], body: Any, reusable: bool
    ) -> None:
        self.connection: Connection = connection
        self.environ: dict[str, Any] = environ
        self.body: Any = body
        self._take_line(heads)
        self.reusable: bool = reusable
        self.head: ResponseHead | None = None
        # Whether the head has been sent, or is being sent: it can't be changed then.
        self.started: bool = False
        # The number of bytes of the body that were sent, and of the announced length that were not; -1 without an
        # announced length.
        self.sent: int = 0
        self.left: int = -1
        self.chunked: bool = False

    def _take_line(self, heads: HeadParser) -> None:
        """Keep the request line as it was received, because the application may change the environ."""
        self.method: str = heads.method
        self.target: str = heads.target
        self.modern: bool = heads.modern
        self.is_head: bool = self.method == "HEAD"

    def shown(self) -> str:
        """Return the request's name in logs, without the query, which may be secret."""
        return f"{self.method} {self.target.partition('?')[0]}"

    # -- What the application calls

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[..., None]:
        """Set the status and the headers; see PEP 3333. Return `write`.

        Raise TypeError or ValueError for a status or headers that can't be sent.
        """
        if exc_info is not None:
            try:
                if self.started:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.head is not None:
            raise AssertionError("start_response was called already; pass exc_info to the second call")
        self.head = ResponseHead(status, headers)
        return self.write

    def write(self, data: bytes) -> None:
        """Send a part of the body, after the head if that has not been sent. See PEP 3333."""
        part = data if type(data) is bytes else _as_bytes(data)
        if self.started:
            self._send(b"", part)
        else:
            self._send(self._start(-1), part)

    # -- The course of a response

    def run(self, application: Any) -> bool:
        """Call the application and send what it returns; return whether the next request can be read at once.

        An exception of the application propagates, after the call of its result's close().
        """
        self._answer(application)
        connection = self.connection
        return (
            self.reusable and self.body is NO_BODY and not connection.last and connection.state != HANDED_OVER
        )

    def _answer(self, application: Any) -> None:
        result = application(self.environ, self.start_response)
        try:
            self.respond(result)
        finally:
            if hasattr(result, "close"):
                result.close()

    def respond(self, result: Any) -> None:
        """Send what an application has returned, and the end of the body; the caller calls the result's close()."""
        if self.connection.state == HANDED_OVER:
            return
        kind = type(result)
        if (kind is list or kind is tuple) and self.head is not None and not self.started:
            self._send_list(result)
        elif kind is FileWrapper and self.head is not None and not self.started:
            self._send_file(result)
        else:
            self._send_parts(result)

    def fail(self, status: str) -> None:
        """Answer with `status` if no answer has begun; otherwise make the client notice that the rest is missing."""
        self.reusable = False
        if self.connection.state == HANDED_OVER:
            return
        if self.started:
            # If all announced bytes were sent, the response is whole in spite of the failure. The answer to HEAD is
            # whole with its head.
            if self.left != 0 and not self.is_head:
                self.connection.reset()
            return
        body = status.encode() + b"\n"
        self.head = ResponseHead(status, [("Content-Type", "text/plain")])
        self._send(self._start(len(body)), body)

    def _send_list(self, parts: Any) -> None:
        """Send a body that is complete: its length is known, and a short one is sent together with the head."""
        if len(parts) == 1:
            part = parts[0]
            body = part if type(part) is bytes else _as_bytes(part)
            self._send(self._start(len(body)), body)
            if self.left > 0:
                self._check_length()
            return
        parts = [part if type(part) is bytes else _as_bytes(part) for part in parts]
        size = sum(map(len, parts))
        if size <= JOINED:
            self._send(self._start(size), b"".join(parts))
            self._check_length()
        else:
            self._send(self._start(size), b"")
            self._send_parts(parts)

    def _send_parts(self, parts: Any) -> None:
        for part in parts:
            # An empty part is skipped, but one of a wrong type is an error.
            if type(part) is not bytes:
                part = _as_bytes(part)
            if part:
                self.write(part)
                if self.is_head:
                    return
        if self.connection.state == HANDED_OVER:
            # A generator has taken the connection.
            return
        if not self.started:
            if self.head is None:
                raise AssertionError("the application returned without calling start_response; call it first")
            self._send(self._start(0), b"")
        else:
            if self.chunked:
                connection = self.connection
                connection.send(b"0\r\n\r\n")
            if self.left < 0:
                # The client would take later bytes of the application for a part of the next response.
                self.left = 0
        self._check_length()

    def _send_file(self, wrapper: FileWrapper) -> None:
        """Send a file, with sendfile(2) if it is a file of the kernel's."""
        head, file = self.head, wrapper.file
        assert head is not None
        status = None
        # Readers that decompress or decrypt, and text files, have descriptors too.
        if _is_plain_file(file):
            try:
                status = os.fstat(file.fileno())
                offset = file.tell()
            except (AttributeError, OSError, ValueError):
                status = None
        if status is None or not _has_true_size(status) or self.is_head or _is_bodiless(head.code):
            self._send_parts(wrapper)
            return
        there = max(0, status.st_size - offset)
        count = there if head.length < 0 else min(there, head.length)
        connection = self.connection
        connection.send(self._start(count))
        sent = connection.send_file(file, offset, count) if count else 0
        self.sent += sent
        self.left -= sent
        self._check_length()

    def _check_length(self) -> None:
        if self.left > 0 and not self.is_head:
            raise ValueError(
                f"the application announced {self.left + self.sent} bytes of body and wrote {self.sent}"
            )

    def _start(self, whole: int) -> bytes:
        """Return the encoded head; `whole` is the length of the body, or -1 if it is unknown."""
        head = self.head
        if self.connection.state == HANDED_OVER:
            raise AssertionError("the connection was handed over to another protocol; send with its socket")
        if head is None:
            raise AssertionError("the application sent a body before it called start_response; call it first")
        body = self.body
        if head.code == 101 and body is not NO_BODY:
            # The other protocol begins after the body, and "100 Continue" must precede 101 (RFC 9110 7.8).
            body.drain()
        lines = head.lines
        length = head.length
        if _is_bodiless(head.code):
            self.left = 0
            if head.code == 205:
                # 205 has no content, but the framing of other statuses (RFC 9110 15.3.6).
                length = 0
            elif head.code != 304:
                # 1xx and 204 have no Content-Length (RFC 9110 8.6).
                length = -1
        else:
            # The answer to HEAD need not have the length, and an empty body does not tell it.
            if length < 0 and (whole or not self.is_head):
                length = whole
            self.left = length
            if length < 0 and not self.is_head:
                if not self.modern:
                    # The end of the connection ends the body.
                    self.reusable = False
                else:
                    self.chunked = True
                    lines.append("Transfer-Encoding: chunked")
        if length >= 0:
            lines.append(f"Content-Length: {length}")
        # After 101 another protocol begins, and nothing of it must be read as a request.
        if head.wants_close or self.connection.last or head.code == 101:
            self.reusable = False
        if body is not NO_BODY and not body.answer(whole >= 0):
            self.reusable = False
        if self.reusable and not self.modern:
            lines.append("Connection: keep-alive")
        elif not self.reusable and head.code != 101:
            lines.append("Connection: close")
        self.started = True
        answered = self.connection.answered
        answered[head.code] += 1
        lines.append("\r\n")
        return "\r\n".join(lines).encode("latin-1")

    def _send(self, prefix: bytes, data: bytes) -> None:
        """Send `prefix` and, framed, `data`.

        Raise ValueError if `data` exceeds the announced length, after sending the announced part.
        """
        if self.is_head:
            data = b""
        left = self.left
        size = len(data)
        excess = 0
        if left >= 0:
            excess = size - left
            if excess > 0:
                # The client would take the excess for the next response.
                data, size = data[:left], left
                self.reusable = False
            self.left = left - size
        self.sent += size
        if size and self.chunked:
            prefix += b"%x\r\n" % size
        connection = self.connection
        if size > COPIED:
            if prefix:
                connection.send(prefix)
            connection.send(data)
            if self.chunked:
                connection.send(b"\r\n")
        elif size:
            connection.send(prefix + data + b"\r\n" if self.chunked else prefix + data)
        elif prefix:
            connection.send(prefix)
        if excess > 0:
            raise ValueError(
                f"the application wrote more than the {self.sent} bytes of body that the response has"
            )


def _is_bodiless(code: int) -> bool:
    """Return whether a response with this status has no body (RFC 9110 6.4.1 and 15.3.6)."""
    return code < 200 or code == 204 or code == 205 or code == 304


def _as_bytes(part: Any) -> bytes:
    """Return a part of the body as plain bytes. Raise TypeError unless it is bytes, a bytearray or a memoryview."""
    if isinstance(part, bytes | bytearray | memoryview):
        # The buffer protocol reads the bytes, whatever the methods of a subclass return.
        return bytes(memoryview(part))
    raise TypeError(f"the body must be bytes, not {type(part).__name__}")


def _has_true_size(status: os.stat_result) -> bool:
    """Return whether a file is a regular one that holds as many bytes as its size says.

    Files of /proc and /sys are regular files too. They report a size of 0 or of a page, and no blocks, whatever a
    read finds. So do sparse files, which lose nothing but speed.
    """
    return stat.S_ISREG(status.st_mode) and status.st_blocks > 0


def _is_plain_file(file: Any) -> bool:
    """Return whether reading `file` gives the unchanged bytes of its descriptor."""
    # What `open` makes of a regular file, also in a patched program.
    if type(file) is _original.BufferedReader or type(file) is _original.BufferedRandom:
        file = file.raw
    return type(file) is _original.FileIO
