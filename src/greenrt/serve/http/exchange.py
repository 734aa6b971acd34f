"""One request and its response: what PEP 3333 asks of a server."""

import io
import os
import stat
from collections.abc import Callable

from greenrt._typing import Any
from greenrt.serve.http.connection import Wire
from greenrt.serve.http.request_body import NO_BODY
from greenrt.serve.http.request_head import Heads
from greenrt.serve.http.response_head import Head

__all__ = ["Exchange", "FileWrapper"]

# A body in parts that is no longer than this goes out in one piece.
JOINED = 65536
# A part that is no longer than this is copied to go out with what comes before it. Each client that is slow to read
# would hold the copy of a longer one.
COPIED = 16384


class FileWrapper:
    """``wsgi.file_wrapper``: an iterable over a file; a plain binary file of `io` is sent with sendfile(2)."""

    def __init__(self, file: Any, block_size: int = 65536) -> None:
        self.file = file
        self.block_size = block_size
        if hasattr(file, "close"):
            self.close = file.close

    def __iter__(self) -> "FileWrapper":
        return self

    def __next__(self) -> bytes:
        data: bytes = self.file.read(self.block_size)
        if not data:
            raise StopIteration
        return data


class Exchange:
    """A request, and the response to it.

    `body`: what ``wsgi.input`` reads from. `reusable`: whether the connection can carry another exchange, at first
    whether the client wants that.
    """

    __slots__ = (
        "body",
        "chunked",
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
        "wire",
    )

    def __init__(self, wire: Wire, heads: Heads, environ: dict[str, Any], body: Any, reusable: bool) -> None:
        self.wire = wire
        self.environ = environ
        self.body = body
        self._take_line(heads)
        self.reusable = reusable
        self.head: Head | None = None
        # Whether the head is on its way: nothing can be changed then.
        self.started = False
        # Bytes of the body that went out, and those of the announced length that have not; -1 if none was announced.
        self.sent = 0
        self.left = -1
        self.chunked = False

    def _take_line(self, heads: Heads) -> None:
        """Keep the request line as it came: the environ is the application's."""
        self.method = heads.method
        self.target = heads.target
        self.modern = heads.modern
        self.is_head = self.method == "HEAD"

    def shown(self) -> str:
        """Return what logs call it: nothing of the query, which may be secret."""
        return f"{self.method} {self.target.partition('?')[0]}"

    # -- What the application calls

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[..., None]:
        """See PEP 3333. TypeError and ValueError for a status or headers that can't be sent."""
        if exc_info is not None:
            try:
                if self.started:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.head is not None:
            raise AssertionError("start_response was called before; a second call must pass exc_info")
        self.head = Head(status, headers)
        return self.write

    def write(self, data: bytes) -> None:
        """Send a part of the body, after the head if that has not gone out. See PEP 3333."""
        part = data if type(data) is bytes else _as_bytes(data)
        if self.started:
            self._send(b"", part)
        else:
            self._send(self._start(-1), part)

    # -- The course of a response

    def run(self, application: Any) -> bool:
        """Call the application and send what it returns. What it raises is raised, after its close().

        Returns whether the next request can be read with nothing else to be done.
        """
        self._answer(application)
        wire = self.wire
        return self.reusable and self.body is NO_BODY and not wire.last and not wire.handed_over

    def _answer(self, application: Any) -> None:
        result = application(self.environ, self.start_response)
        try:
            if self.wire.handed_over:
                return
            kind = type(result)
            if (kind is list or kind is tuple) and self.head is not None and not self.started:
                self._send_list(result)
            elif kind is FileWrapper and self.head is not None and not self.started:
                self._send_file(result)
            else:
                self._send_parts(result)
        finally:
            if hasattr(result, "close"):
                result.close()

    def fail(self, status: str) -> None:
        """Answer that it failed, if nothing has been answered; else make the client see that the rest is missing."""
        self.reusable = False
        if self.wire.handed_over:
            return
        if self.started:
            # With all that was announced sent, the response is whole whatever else went wrong. The answer to HEAD is
            # whole with its head.
            if self.left != 0 and not self.is_head:
                self.wire.reset()
            return
        body = status.encode() + b"\n"
        self.head = Head(status, [("Content-Type", "text/plain")])
        self._send(self._start(len(body)), body)

    def _send_list(self, parts: Any) -> None:
        """Send a body that is there as a whole: its length is known, and a short one goes out with the head."""
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
            # An empty part says nothing; but one of a wrong type says that something is wrong.
            if type(part) is not bytes:
                part = _as_bytes(part)
            if part:
                self.write(part)
                if self.is_head:
                    return
        if self.wire.handed_over:
            # A generator has taken the connection.
            return
        if not self.started:
            if self.head is None:
                raise AssertionError("the application returned without calling start_response")
            self._send(self._start(0), b"")
        else:
            if self.chunked:
                wire = self.wire
                wire.send(b"0\r\n\r\n")
            if self.left < 0:
                # What the application still writes would be taken for a part of the next response.
                self.left = 0
        self._check_length()

    def _send_file(self, wrapper: FileWrapper) -> None:
        """Send a file, with sendfile(2) where the file is one of the kernel's."""
        head, file = self.head, wrapper.file
        assert head is not None
        status = None
        # Readers that decompress or decrypt, and text, have descriptors too.
        if _is_plain_file(file):
            try:
                status = os.fstat(file.fileno())
                offset = file.tell()
            except (AttributeError, OSError, ValueError):
                status = None
        if status is None or not stat.S_ISREG(status.st_mode) or self.is_head or _is_bodiless(head.code):
            self._send_parts(wrapper)
            return
        there = max(0, status.st_size - offset)
        count = there if head.length < 0 else min(there, head.length)
        wire = self.wire
        wire.send(self._start(count))
        sent = wire.send_file(file, offset, count) if count else 0
        self.sent += sent
        self.left -= sent
        self._check_length()

    def _check_length(self) -> None:
        if self.left > 0 and not self.is_head:
            raise ValueError(
                f"the application announced {self.left + self.sent} bytes of body and wrote {self.sent}"
            )

    def _start(self, whole: int) -> bytes:
        """Return the head as it is sent; `whole` is the length of the body, -1 where that is not known."""
        head = self.head
        if self.wire.handed_over:
            raise AssertionError("the connection was handed over to another protocol; send with its socket")
        if head is None:
            raise AssertionError("the application sends a body before it called start_response")
        body = self.body
        if head.code == 101 and body is not NO_BODY:
            # The other protocol begins after the body, and RFC 9110 7.8 wants "100 Continue" before 101.
            body.drain()
        lines = head.lines
        length = head.length
        if _is_bodiless(head.code):
            self.left = 0
            if head.code == 205:
                # RFC 9110 15.3.6: no content, in the framing of other statuses.
                length = 0
            elif head.code != 304:
                # RFC 9110 8.6: none with 1xx and 204.
                length = -1
        else:
            # The answer to HEAD need not have the length, and an empty body doesn't tell it.
            if length < 0 and (whole or not self.is_head):
                length = whole
            self.left = length
            if length < 0 and not self.is_head:
                if not self.modern:
                    # The end of the connection is the end of the body.
                    self.reusable = False
                else:
                    self.chunked = True
                    lines.append("Transfer-Encoding: chunked")
        if length >= 0:
            lines.append(f"Content-Length: {length}")
        # After 101 another protocol begins, and nothing of it must be read as a request.
        if head.wants_close or self.wire.last or head.code == 101:
            self.reusable = False
        if body is not NO_BODY and not body.answer(whole >= 0):
            self.reusable = False
        if self.reusable and not self.modern:
            lines.append("Connection: keep-alive")
        elif not self.reusable and head.code != 101:
            lines.append("Connection: close")
        self.started = True
        lines.append("\r\n")
        return "\r\n".join(lines).encode("latin-1")

    def _send(self, prefix: bytes, data: bytes) -> None:
        """Send `prefix` and, framed, `data`. ValueError if that is more than was announced, after what was."""
        if self.is_head:
            data = b""
        left = self.left
        size = len(data)
        excess = 0
        if left >= 0:
            excess = size - left
            if excess > 0:
                # What is too much would be taken for the next response.
                data, size = data[:left], left
                self.reusable = False
            self.left = left - size
        self.sent += size
        if size and self.chunked:
            prefix += b"%x\r\n" % size
        wire = self.wire
        if size > COPIED:
            if prefix:
                wire.send(prefix)
            wire.send(data)
            if self.chunked:
                wire.send(b"\r\n")
        elif size:
            wire.send(prefix + data + b"\r\n" if self.chunked else prefix + data)
        elif prefix:
            wire.send(prefix)
        if excess > 0:
            raise ValueError(
                f"the application wrote more than the {self.sent} bytes of body that the response has"
            )


def _is_bodiless(code: int) -> bool:
    """Tell whether a response with this status has no body; RFC 9110 6.4.1 and 15.3.6."""
    return code < 200 or code == 204 or code == 205 or code == 304


def _as_bytes(part: Any) -> bytes:
    """Return a part of the body as plain bytes: TypeError unless it is bytes, a bytearray or a memoryview."""
    if isinstance(part, bytes | bytearray | memoryview):
        # By the buffer protocol, whatever a subclass says of itself.
        return bytes(memoryview(part))
    raise TypeError(f"the body must be in bytes, not {type(part).__name__}")


def _is_plain_file(file: Any) -> bool:
    """Tell whether reading `file` gives the bytes of its descriptor, unchanged."""
    if type(file) is io.BufferedReader or type(file) is io.BufferedRandom:
        file = file.raw
    return type(file) is io.FileIO
