"""A connection as HTTP sees it: heads, lines and bytes come out, and everything has its time."""

import struct

from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.green import socket
from greenrt.green._socket_io import receive_bytes, send_bytes
from greenrt.serve.http.head_scanner import HeadScanner
from greenrt.serve.http.limits import Limits
from greenrt.serve.http.protocol import RequestError

__all__ = ["FIRST_TIME", "LAST_TIME", "Wire"]

TOO_SLOW = "408 Request Timeout"

# How much is asked of the socket at once: what a connection holds of requests to come is no more than this.
CHUNK = 16384
# How long a request may be on its way to a server that is ending; seconds. On a connection that was used before the
# client expects its end at any time, and asks again elsewhere (RFC 9112 9.3.1).
LAST_TIME = 0.1
# The same for the first request of a connection. Its client has just connected, to ask: the request is a round trip
# away, and one more if a packet was lost. nginx waits as long as for any head, but browsers also connect without a
# request to make.
FIRST_TIME = 1.0
# SO_LINGER with a time of 0: close(2) resets the connection.
RESET = struct.pack("ii", 1, 0)


class Wire:
    """A stream socket, what was received and not yet used, and the timeouts. For one greenlet."""

    __slots__ = (
        "_direct",
        "_idle_time",
        "_scanner",
        "_timeout",
        "buffer",
        "error",
        "handed_over",
        "idle",
        "last",
        "limits",
        "new",
        "position",
        "relay",
        "short",
        "sock",
    )

    def __init__(self, sock: Any, limits: Limits) -> None:
        self.sock = sock
        # Whether its methods are those of green sockets, which need not be looked up then.
        self._direct = type(sock) is socket.socket
        self.limits = limits
        self._idle_time = limits.idle_time
        # A head that is no longer than this exceeds no limit.
        self.short = min(limits.request_line, limits.field, limits.head)
        self._scanner = HeadScanner(limits)
        # What was received; unless it is empty, some of it was not used: what is at `position` and after it.
        self.buffer = b""
        self.position = 0
        # Whether it waits for a request of which nothing has come: a server that stops may close it.
        self.idle = True
        # Whether nothing has ever come.
        self.new = True
        # What went wrong when something was sent: nothing more can be said to the client.
        self.error: OSError | None = None
        # Whether the response to come is the last one.
        self.last = False
        # Whether the application took the socket for another protocol.
        self.handed_over = False
        # What passes the connection to the application, if bytes after the request had been received by then.
        self.relay: Any = None
        self._timeout: float | None = -1.0

    def wait_at_most(self, seconds: float | None) -> None:
        """Set the time that the socket's next operations may wait."""
        # Each settimeout is a system call.
        if seconds != self._timeout:
            self.sock.settimeout(seconds)
            self._timeout = seconds

    # -- Receiving

    def begin(self) -> bool:
        """Wait for the first bytes of a request; return False if the client sends no more."""
        if self.buffer:
            return True
        seconds = self._idle_time
        if self.last:
            seconds = FIRST_TIME if self.new else LAST_TIME
        if self._timeout != seconds:
            self.wait_at_most(seconds)
        self.idle = True
        try:
            self.buffer = receive_bytes(self.sock, CHUNK, 0) if self._direct else self.sock.recv(CHUNK)
        except (TimeoutError, ConnectionError):
            self._end_tls()
            return False
        finally:
            self.idle = False
        if not self.buffer:
            return False
        self.new = False
        return True

    def read_head(self) -> bytes | None:
        """Return the head that `begin` found, without the empty line after it; None if the client breaks it off.

        RequestError for one that is malformed, too long or too slow.
        """
        scanner = self._scanner
        scanner.restart()
        start = self.position
        end = scanner.scan(self.buffer, start)
        if end < 0:
            return self._rest_of_head()
        head = self.buffer[start + 2 if scanner.skipped else start : end - 4]
        self.advance(end)
        return head

    def _rest_of_head(self) -> bytes | None:
        """Return the head of which `buffer` has the first part, and receive the others."""
        scanner = self._scanner
        limits = self.limits
        deadline = None if limits.head_time is None else monotonic() + limits.head_time
        head = bytearray()
        end = -1
        while end < 0:
            head += self.rest()
            # An empty line alone begins no request.
            if not self._receive_more(deadline, begun=len(head) > 2 * scanner.skipped):
                return None
            end = scanner.scan(self.buffer, 0)
        head += self.buffer[:end]
        self.advance(end)
        return bytes(head[2 if scanner.skipped else 0 : -4])

    def _receive_more(self, deadline: float | None, begun: bool) -> bool:
        """Receive into `buffer` more of a head; return False if the client is gone, or has not `begun` a request."""
        left = None if deadline is None else deadline - monotonic()
        try:
            if left is not None and left <= 0:
                raise TimeoutError
            self.wait_at_most(left)
            self.buffer = self.sock.recv(CHUNK)
        except TimeoutError:
            if not begun:
                return False
            raise RequestError(TOO_SLOW, "the head didn't come in time") from None
        except ConnectionError:
            return False
        return bool(self.buffer)

    def rest(self) -> bytes:
        """Remove from `buffer` what was not used, and return it."""
        data = self.buffer[self.position :] if self.position else self.buffer
        self.buffer = b""
        self.position = 0
        return data

    def advance(self, position: int) -> None:
        """Drop what is before `position` in `buffer`. The cost does not depend on what comes after it."""
        if position < len(self.buffer):
            self.position = position
        else:
            self.buffer = b""
            self.position = 0

    def take(self, view: memoryview) -> int:
        """Move the first bytes of `buffer` into `view`, and return their count."""
        position = self.position
        count = min(len(view), len(self.buffer) - position)
        if count:
            view[:count] = self.buffer[position : position + count]
            self.advance(position + count)
        return count

    def receive(self, seconds: float | None) -> int:
        """Receive into `buffer`, which is empty, and return the count; 0 at the end. TimeoutError after `seconds`."""
        self.wait_at_most(seconds)
        self.buffer = self.sock.recv(CHUNK)
        return len(self.buffer)

    def receive_into(self, view: memoryview, seconds: float | None) -> int:
        """Receive some bytes into `view` and return the count; 0 at the end. TimeoutError after `seconds`."""
        self.wait_at_most(seconds)
        return self.sock.recv_into(view)  # type: ignore[no-any-return]

    # -- Sending

    def send(self, data: bytes) -> None:
        """Send all. TimeoutError if the client takes nothing in for `Limits.write_time`."""
        try:
            try:
                sent = send_bytes(self.sock, data, 0) if self._direct else self.sock.send(data)
            except TimeoutError:
                # The time was that of another duty.
                sent = 0
            if sent != len(data):
                self._send_rest(memoryview(data), sent)
        except OSError as error:
            self.error = error
            raise

    def _send_rest(self, data: memoryview, sent: int) -> None:
        self.wait_at_most(self.limits.write_time)
        while sent < len(data):
            sent += self.sock.send(data[sent:])

    def send_file(self, file: Any, offset: int, count: int) -> int:
        """Send `count` bytes of a file from `offset` with sendfile(2), where that can be; return how many went."""
        self.wait_at_most(self.limits.write_time)
        try:
            return self.sock.sendfile(file, offset, count)  # type: ignore[no-any-return]
        except OSError as error:
            self.error = error
            raise

    # -- The end

    def reset(self) -> None:
        """Make the close that follows one that the client sees as an error, not as the end of a response."""
        self.error = self.error or ConnectionAbortedError("the connection was reset")
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        except OSError:
            pass

    def linger(self) -> None:
        """Send the end of the stream and drop what still comes, for two seconds at most.

        A close with bytes unread resets the connection, and the client may lose the answer (RFC 9112 9.6).
        """
        if self.error is not None:
            return
        deadline = monotonic() + 2
        try:
            if hasattr(self.sock, "unwrap"):
                # TLS has an end of its own, without which the client can't tell it from an attack.
                self.wait_at_most(1)
                self.sock.unwrap()
            self.sock.shutdown(socket.SHUT_WR)
            # A limit of its own: a client that goes on sending cannot keep the server.
            for _ in range(64):
                left = deadline - monotonic()
                if left <= 0:
                    break
                self.wait_at_most(left)
                if not self.sock.recv(CHUNK):
                    break
        except OSError:
            pass

    def hand_over(self) -> tuple[Any, bytes]:
        """Return the socket, without a timeout, and what came after the head: another protocol begins there."""
        self.handed_over = True
        self.wait_at_most(None)
        return self.sock, self.rest()

    def finish(self) -> None:
        """Let the next response be the last one; without a request under way, serve one only if it has come."""
        self.last = True
        if not self.idle or (hasattr(self.sock, "unwrap") and self._has_come()):
            return
        self._end_tls()
        try:
            # Not the method of a TLS socket: without its TLS layer the answer would go out as plain text.
            socket.socket.shutdown(self.sock, socket.SHUT_RD)
        except OSError:
            pass

    def _has_come(self) -> bool:
        """Tell whether there is something to read, be it TLS's."""
        self.wait_at_most(0)
        try:
            return bool(socket.socket.recv(self.sock, 1, socket.MSG_PEEK))
        except OSError:
            return False
        finally:
            self.wait_at_most(LAST_TIME)

    def _end_tls(self) -> None:
        """Tell the client, where there is TLS, that nothing more comes; without waiting for its answer."""
        if not hasattr(self.sock, "unwrap"):
            return
        self.wait_at_most(0)
        try:
            self.sock.unwrap()
        except (OSError, ValueError):
            # It need not answer; and the layer may be gone.
            pass
