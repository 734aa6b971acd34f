"""The body of a request, as ``wsgi.input``: read as the application asks for it, never beyond its end."""

import io
import re

from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.serve.http.errors import BAD_REQUEST, RequestError
from greenrt.serve.http.grammar import QUOTED, TEXT, TOKEN
from greenrt.serve.http.wire import Wire

__all__ = ["NO_BODY", "Body", "ChunkedBody", "LengthBody"]

TOO_LARGE = "413 Content Too Large"

# RFC 9112 7.1 and 7.1.1, with a limit on the digits, and without the white space that only recipients must know.
_SIZE = re.compile(f"([0-9A-Fa-f]{{1,16}})((?:;{TOKEN}(?:=(?:{TOKEN}|{QUOTED}))?)*)".encode())
_FIELD = re.compile(f"{TOKEN}:{TEXT}".encode())
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class NoBody(io.RawIOBase):
    """The body of a request that has none; all requests share one."""

    expected = False
    finished = True

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Return 0, the end."""
        return 0

    def close(self) -> None:
        """Do nothing: there is no end to its use."""


NO_BODY = NoBody()


class Body(io.RawIOBase):
    """What both forms of a body share: the wait for the client, and what is done with what nobody read."""

    def __init__(self, wire: Wire, expected: bool) -> None:
        self.wire = wire
        # Whether the client waits for a "100 Continue".
        self.expected = expected
        # Whether all of it has been read.
        self.finished = False
        self.received = 0
        self._waited = 0.0
        # What a read raised, for the reads after it.
        self.error: OSError | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes into `buffer` and return the count; 0 at the end.

        RequestError for a body that is malformed, too large or too slow, ConnectionError if it breaks off. The error
        comes again with each further read.
        """
        if self.finished:
            return 0
        if self.error is not None:
            raise self.error
        if self.expected:
            self.expected = False
            self.wire.send(CONTINUE)
        try:
            return self._read(memoryview(buffer))
        except OSError as error:
            self.error = error
            raise

    def _read(self, view: memoryview) -> int:
        raise NotImplementedError

    def seconds_left(self) -> float | None:
        """Return for how long the client may stay silent. RequestError if it has been too slow."""
        limits = self.wire.limits
        if limits.body_time is None:
            return None
        left = limits.body_time + self.received / limits.body_rate - self._waited
        if left <= 0:
            raise RequestError(
                "408 Request Timeout", f"the body came slower than {limits.body_rate} bytes a second"
            )
        return min(left, limits.body_time)

    def take(self, view: memoryview) -> int:
        """Read into `view` from what has come, or wait for more; return the count, never 0."""
        return self.wire.take(view) or self.wait_for(view)

    def wait_for(self, view: memoryview) -> int:
        """Receive into `view` from the client; return the count, never 0."""
        seconds = self.seconds_left()
        began = monotonic()
        try:
            count = self.wire.receive_into(view, seconds)
        except TimeoutError:
            raise RequestError("408 Request Timeout", "the body didn't come in time") from None
        self._waited += monotonic() - began
        if count == 0:
            raise ConnectionResetError("the client closed the connection before the end of the request body")
        self.received += count
        return count

    def discard(self) -> bool:
        """Read and drop what is left, `Limits.unread` bytes at most; tell whether that was all of it."""
        if self.expected or self.error is not None:
            # A client that was never told to go on may send the body all the same, or not.
            return self.finished
        scratch = bytearray(4096)
        left = self.wire.limits.unread
        try:
            while not self.finished and left > 0:
                left -= self.readinto(scratch)
        except OSError:
            return False
        return self.finished


class LengthBody(Body):
    """A body whose length the client told."""

    def __init__(self, wire: Wire, expected: bool, length: int) -> None:
        super().__init__(wire, expected)
        self._left = length

    def _read(self, view: memoryview) -> int:
        count = self.take(view[: self._left])
        self._left -= count
        self.finished = self._left == 0
        return count

    def discard(self) -> bool:
        """See `Body`. Nothing is read of one that is longer than what would be dropped."""
        return self._left <= self.wire.limits.unread and super().discard()


class ChunkedBody(Body):
    """A body in chunks, of which the last is empty. Extensions and trailer fields are checked and dropped."""

    def __init__(self, wire: Wire, expected: bool) -> None:
        super().__init__(wire, expected)
        # Of the chunk that is being read.
        self._left = 0
        self._total = 0

    def _read(self, view: memoryview) -> int:
        if self._left == 0:
            self._next_chunk()
            if self.finished:
                return 0
        count = self.take(view[: self._left])
        self._left -= count
        if self._left == 0 and self._line(2) != b"":
            raise RequestError(BAD_REQUEST, "a chunk that doesn't end in CRLF")
        return count

    def _next_chunk(self) -> None:
        limits = self.wire.limits
        found = _SIZE.fullmatch(self._line(16 + limits.chunk_extension))
        if found is None:
            raise RequestError(BAD_REQUEST, "a chunk without a proper size")
        if len(found[2]) > limits.chunk_extension:
            raise RequestError(BAD_REQUEST, "an extension of a chunk that is too long")
        self._left = int(found[1], 16)
        self._total += self._left
        if limits.body is not None and self._total > limits.body:
            raise RequestError(TOO_LARGE, f"a body of more than {limits.body} bytes")
        if self._left == 0:
            self._trailers()
            self.finished = True

    def _trailers(self) -> None:
        left = self.wire.limits.trailers
        while line := self._line(left):
            left -= len(line)
            if _FIELD.fullmatch(line) is None:
                raise RequestError(BAD_REQUEST, "a trailer field that is none")
            if line.partition(b":")[0].lower() in (b"content-length", b"transfer-encoding"):
                # RFC 9110 6.5.1. Nobody sends these there but to confuse a proxy.
                raise RequestError(BAD_REQUEST, "a trailer field about the framing")

    def _line(self, limit: int) -> bytes:
        """Return the next line, without the CRLF that ends it; `limit` is for what comes before that."""
        wire = self.wire
        while (end := wire.buffer.find(b"\n")) < 0 and len(wire.buffer) <= limit + 2:
            view = memoryview(bytearray(4096))
            wire.buffer += view[: self.wait_for(view)]
        if end < 0 or end > limit + 1:
            raise RequestError(BAD_REQUEST, "a line in a chunked body that is too long")
        line = wire.buffer[:end]
        if not line.endswith(b"\r") or b"\r" in line[:-1]:
            raise RequestError(BAD_REQUEST, "a line in a chunked body that doesn't end in CRLF")
        wire.buffer = wire.buffer[end + 1 :]
        return line[:-1]
