"""The body of a request, as ``wsgi.input``: read as the application asks for it, never beyond its end."""

import io

from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.serve.http.chunked import ChunkDecoder
from greenrt.serve.http.connection import Wire
from greenrt.serve.http.protocol import RequestError

__all__ = ["NO_BODY", "Body", "ChunkedBody", "LengthBody"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class NoBody(io.RawIOBase):
    """The body of a request that has none; all requests share one."""

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
    """What both forms of a body share: the wait for the client, and the treatment of unread bytes."""

    def __init__(self, wire: Wire, expected: bool) -> None:
        self.wire = wire
        # Whether the client waits for a "100 Continue"; and whether that can't be sent any more, since the final
        # response has begun.
        self.expected = expected
        self.answered = False
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
        if self.expected and not self.answered:
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

    def wait_for(self, view: memoryview | None) -> int:
        """Receive into `view`, or into the buffer of the connection; return the count, never 0."""
        seconds = self.seconds_left()
        began = monotonic()
        wire = self.wire
        try:
            count = wire.receive(seconds) if view is None else wire.receive_into(view, seconds)
        except TimeoutError:
            raise RequestError("408 Request Timeout", "the body didn't come in time") from None
        self._waited += monotonic() - began
        if count == 0:
            raise ConnectionResetError("the client closed the connection before the end of the request body")
        self.received += count
        return count

    def answer(self, whole: bool) -> bool:
        """Note that the final response begins; `whole`: the application has produced all of it.

        Return whether another request can follow on the connection. False is what the response must announce.
        """
        self.answered = True
        # A client that got no 100 Continue may send the body all the same, or not.
        return self.finished or (not self.expected and self.error is None)

    def drain(self) -> None:
        """Read and drop what is left. OSError as with `readinto`."""
        scratch = bytearray(4096)
        while not self.finished:
            self.readinto(scratch)

    def hand_over(self) -> tuple[Any, bytes]:
        """See `Wire.hand_over`. The rest of the body is dropped first: the new protocol begins after it.

        OSError if the body does not come to its end.
        """
        # RFC 9110 7.8: a client that expects "100 Continue" gets it before the other protocol.
        self.drain()
        return self.wire.hand_over()

    def discard(self) -> bool:
        """Read and drop what is left, `Limits.unread` bytes at most; tell whether that was all of it."""
        if self.expected or self.error is not None:
            return self.finished
        scratch = bytearray(4096)
        left = self.wire.limits.unread
        try:
            # One byte more than allowed: where the reads end must not decide.
            while not self.finished and left >= 0:
                left -= self.readinto(memoryview(scratch)[: left + 1])
        except OSError:
            return False
        return self.finished


class LengthBody(Body):
    """A body whose length the client announced."""

    def __init__(self, wire: Wire, expected: bool, length: int) -> None:
        super().__init__(wire, expected)
        self._left = length

    def _read(self, view: memoryview) -> int:
        count = self.take(view[: self._left])
        self._left -= count
        self.finished = self._left == 0
        return count

    def answer(self, whole: bool) -> bool:
        """See `Body`."""
        # Before the response is whole, the application may read the rest of the body.
        kept = super().answer(whole)
        return kept and not (whole and self._left > self.wire.limits.unread)

    def discard(self) -> bool:
        """See `Body`. Nothing is read of one that is longer than what would be dropped."""
        return self._left <= self.wire.limits.unread and super().discard()


class ChunkedBody(Body):
    """A body in chunks. See `ChunkDecoder`."""

    def __init__(self, wire: Wire, expected: bool) -> None:
        super().__init__(wire, expected)
        self._decoder = ChunkDecoder(wire.limits)

    def _read(self, view: memoryview) -> int:
        wire, decoder = self.wire, self._decoder
        while True:
            if wire.buffer:
                try:
                    count = decoder.decode(wire.buffer, wire.position, view)
                finally:
                    wire.advance(decoder.position)
                self.finished = decoder.done
                if count or decoder.done:
                    return count
            elif decoder.left:
                # Straight to where the application wants it.
                count = self.wait_for(view[: decoder.left])
                decoder.take(count)
                return count
            if not wire.buffer and not decoder.left:
                self.wait_for(None)
