"""The body of a request as ``wsgi.input``: read when the application asks for it, and never beyond its end."""

import io

from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.serve.http.chunked import ChunkDecoder
from greenrt.serve.http.connection import Connection
from greenrt.serve.http.protocol import RequestError

__all__ = ["NO_BODY", "Body", "ChunkedBody", "LengthBody"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class NoBody(io.RawIOBase):
    """The empty body; all requests without a body share one."""

    finished = True

    def readable(self) -> bool:
        """Return True: see `io.RawIOBase.readable`."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Return 0, the end of the body."""
        return 0

    def close(self) -> None:
        """Do nothing: all requests share this object."""


NO_BODY = NoBody()


class Body(io.RawIOBase):
    """The base of both framings: waiting for the client, and dropping unread bytes."""

    def __init__(self, connection: Connection, expected: bool) -> None:
        self.connection = connection
        # `expected`: the client waits for a "100 Continue". `answered`: the final response has begun, so "100
        # Continue" can't be sent any more.
        self.expected: bool = expected
        self.answered: bool = False
        # Whether the whole body has been read.
        self.finished = False
        self.received: int = 0
        self._waited = 0.0
        # The error that a read raised; later reads raise it again.
        self.error: OSError | None = None

    def readable(self) -> bool:
        """Return True: see `io.RawIOBase.readable`."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes into `buffer` and return their number; 0 at the end of the body.

        Raise RequestError for a body that is malformed, too large or too slow, and ConnectionError if the connection
        ends before the body does. Each later read raises the error again.
        """
        if self.finished:
            return 0
        if self.error is not None:
            raise self.error
        if self.expected and not self.answered:
            self.expected = False
            self.connection.send(CONTINUE)
        try:
            return self._read(memoryview(buffer))
        except OSError as error:
            self.error = error
            raise

    def _read(self, view: memoryview) -> int:
        raise NotImplementedError

    def seconds_left(self) -> float | None:
        """Return how long the client may send nothing, in seconds, or None. Raise RequestError if it was too slow."""
        limits = self.connection.limits
        if limits.body_timeout is None:
            return None
        left = limits.body_timeout + self.received / limits.body_rate - self._waited
        if left <= 0:
            raise RequestError("408 Request Timeout", f"body slower than {limits.body_rate} bytes per second")
        return min(left, limits.body_timeout)

    def take(self, view: memoryview) -> int:
        """Read into `view` from received bytes, or wait for more; return the number of bytes, never 0."""
        return self.connection.take(view) or self.wait_for(view)

    def wait_for(self, view: memoryview | None) -> int:
        """Receive into `view`, or for None into the connection's buffer; return the number of bytes, never 0."""
        seconds = self.seconds_left()
        began = monotonic()
        connection = self.connection
        try:
            count = connection.receive(seconds) if view is None else connection.receive_into(view, seconds)
        except TimeoutError:
            raise RequestError("408 Request Timeout", "body not received in time") from None
        self._waited += monotonic() - began
        if count == 0:
            raise ConnectionResetError("the client closed the connection before the end of the request body")
        self.received += count
        return count

    def answer(self, whole: bool) -> bool:
        """Record that the final response begins; return whether another request can follow on the connection.

        `whole`: the application has produced the whole response. If the result is False, the response must announce
        the close.
        """
        self.answered = True
        # A client that got no 100 Continue may send the body or may not.
        return self.finished or (not self.expected and self.error is None)

    def drain(self) -> None:
        """Read and drop the rest of the body. Raise OSError as `readinto` does."""
        scratch = bytearray(4096)
        while not self.finished:
            self.readinto(scratch)

    def hand_over(self) -> tuple[Any, bytes]:
        """Drop the rest of the body, where the new protocol begins, and hand over the connection.

        See `Connection.hand_over`. Raise OSError if the body does not reach its end.
        """
        # A client that expects "100 Continue" gets it before the other protocol (RFC 9110 7.8).
        self.drain()
        return self.connection.hand_over()

    def discard(self) -> bool:
        """Read and drop at most `Limits.unread` bytes; return whether the body has ended."""
        if self.expected or self.error is not None:
            return self.finished
        scratch = bytearray(4096)
        left = self.connection.limits.unread
        try:
            # Ask for one byte more than allowed: the boundaries of the reads must not decide the result.
            while not self.finished and left >= 0:
                left -= self.readinto(memoryview(scratch)[: left + 1])
        except OSError:
            return False
        return self.finished


class LengthBody(Body):
    """A body with a Content-Length."""

    def __init__(self, connection: Connection, expected: bool, length: int) -> None:
        super().__init__(connection, expected)
        self._left = length

    def _read(self, view: memoryview) -> int:
        count = self.take(view[: self._left])
        self._left -= count
        self.finished: bool = self._left == 0
        return count

    def answer(self, whole: bool) -> bool:
        """See `Body.answer`."""
        # The application may read the rest of the body before the response is whole.
        kept = super().answer(whole)
        return kept and not (whole and self._left > self.connection.limits.unread)

    def discard(self) -> bool:
        """See `Body.discard`. If the rest is longer than the limit, nothing is read."""
        return self._left <= self.connection.limits.unread and super().discard()


class ChunkedBody(Body):
    """A body in chunks; see `ChunkDecoder`."""

    def __init__(self, connection: Connection, expected: bool) -> None:
        super().__init__(connection, expected)
        self._decoder = ChunkDecoder(connection.limits)

    def _read(self, view: memoryview) -> int:
        connection, decoder = self.connection, self._decoder
        while True:
            if connection.buffer:
                try:
                    count = decoder.decode(connection.buffer, connection.position, view)
                finally:
                    connection.advance(decoder.position)
                self.finished: bool = decoder.done
                if count or decoder.done:
                    return count
            elif decoder.left:
                # Receive directly into the application's buffer.
                count = self.wait_for(view[: decoder.left])
                decoder.take(count)
                return count
            if not connection.buffer and not decoder.left:
                self.wait_for(None)
