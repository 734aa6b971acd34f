"""One HTTP connection: it receives heads and bytes, sends responses, and applies a timeout to each wait."""

import struct

from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.green import socket
from greenrt.green._socket_io import receive_bytes, send_bytes
from greenrt.serve.http.connection_state import ACTIVE, HANDED_OVER, IDLE, NEW
from greenrt.serve.http.head_scanner import HeadScanner
from greenrt.serve.http.limits import Limits
from greenrt.serve.http.protocol import RequestError
from greenrt.sync.event import Event

__all__ = ["FIRST_TIMEOUT", "LAST_TIMEOUT", "Connection"]

TOO_SLOW = "408 Request Timeout"

# The most bytes received by one call: a connection holds no more than this of later requests.
CHUNK = 16384
# How long a stopping server waits for a request that may be in flight, in seconds. On a connection that was used
# before, the client expects the close at any time, and repeats the request elsewhere (RFC 9112 9.3.1).
LAST_TIMEOUT = 0.1
# The same for the first request of a connection. Its client has just connected in order to send a request, which is
# one round trip away, or two if a packet was lost. nginx waits as long as for any head, but browsers also connect
# without a request to send.
FIRST_TIMEOUT = 1.0
# SO_LINGER with a time of 0: close(2) resets the connection.
RESET = struct.pack("ii", 1, 0)


class Connection:
    """A stream socket, its received but unused bytes, and its timeouts. For one greenlet."""

    __slots__ = (
        "_direct",
        "_idle_timeout",
        "_left_waiting",
        "_scanner",
        "_timeout",
        "answered",
        "buffer",
        "error",
        "last",
        "limits",
        "position",
        "relay",
        "short",
        "sock",
        "state",
    )

    def __init__(self, sock: Any, limits: Limits, answered: list[int]) -> None:
        self.sock: Any = sock
        # The number of responses with each status code, of all connections of the server.
        self.answered: list[int] = answered
        # Whether the methods are those of green sockets, which then need no lookup.
        self._direct = type(sock) is socket.socket
        self.limits: Limits = limits
        self._idle_timeout = limits.idle_timeout
        # A head up to this length exceeds no limit.
        self.short: int = min(limits.request_line, limits.field, limits.head)
        self._scanner = HeadScanner(limits)
        # The received bytes. Unless it is empty, the bytes from `position` on are unused.
        self.buffer: bytes = b""
        self.position: int = 0
        # NEW, IDLE, ACTIVE or HANDED_OVER.
        self.state: int = NEW
        # Set when a request arrives or the wait for it ends; made by the first `wait_for_request`.
        self._left_waiting: Event | None = None
        # The error of a send: nothing more can be sent to the client then.
        self.error: OSError | None = None
        # Whether the next response is the last one.
        self.last: bool = False
        # The relay to the application, if bytes after the request had been received before the hand-over.
        self.relay: Any = None
        self._timeout: float | None = -1.0

    def set_timeout(self, seconds: float | None) -> None:
        """Set the timeout of the socket's next operations, in seconds."""
        # Each settimeout is a system call.
        if seconds != self._timeout:
            self.sock.settimeout(seconds)
            self._timeout = seconds

    # -- Receiving

    def begin(self) -> bool:
        """Wait for the first bytes of a request; return False if the client sends no more."""
        if self.buffer:
            return True
        seconds = self._idle_timeout
        if self.last:
            seconds = FIRST_TIMEOUT if self.state == NEW else LAST_TIMEOUT
        if self._timeout != seconds:
            self.set_timeout(seconds)
        if self.state != NEW:
            self.state = IDLE
        try:
            self.buffer = receive_bytes(self.sock, CHUNK, 0) if self._direct else self.sock.recv(CHUNK)
        except (TimeoutError, ConnectionError):
            self._end_tls()
            return False
        finally:
            self.state = ACTIVE
            if self._left_waiting is not None:
                self._notify()
        return bool(self.buffer)

    def wait_for_request(self, seconds: float) -> None:
        """Wait in another greenlet until a request arrives or the wait for it ends, for at most `seconds`."""
        if self.state <= IDLE and seconds > 0:
            if self._left_waiting is None:
                self._left_waiting = Event()
            self._left_waiting.wait(seconds)

    def _notify(self) -> None:
        left, self._left_waiting = self._left_waiting, None
        assert left is not None
        left.set()

    def read_head(self) -> bytes | None:
        """Return the head that `begin` found, without the empty line after it.

        Return None if the client does not complete it. Raise RequestError for a head that is malformed, too long or
        too slow.
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
        """Return the head whose first part is in `buffer`, after receiving the rest."""
        scanner = self._scanner
        limits = self.limits
        deadline = None if limits.head_timeout is None else monotonic() + limits.head_timeout
        head = bytearray()
        end = -1
        while end < 0:
            head += self.rest()
            # An empty line alone does not begin a request.
            if not self._receive_more(deadline, begun=len(head) > 2 * scanner.skipped):
                return None
            end = scanner.scan(self.buffer, 0)
        head += self.buffer[:end]
        self.advance(end)
        return bytes(head[2 if scanner.skipped else 0 : -4])

    def _receive_more(self, deadline: float | None, begun: bool) -> bool:
        """Receive more of a head into `buffer`.

        Return False if the client has left, or has not `begun` a request in time.
        """
        left = None if deadline is None else deadline - monotonic()
        try:
            if left is not None and left <= 0:
                raise TimeoutError
            self.set_timeout(left)
            self.buffer = self.sock.recv(CHUNK)
        except TimeoutError:
            if not begun:
                return False
            raise RequestError(TOO_SLOW, "head not received in time") from None
        except ConnectionError:
            return False
        return bool(self.buffer)

    def rest(self) -> bytes:
        """Remove the unused bytes from `buffer` and return them."""
        data = self.buffer[self.position :] if self.position else self.buffer
        self.buffer = b""
        self.position = 0
        return data

    def advance(self, position: int) -> None:
        """Drop the bytes before `position` in `buffer`. The cost does not depend on the bytes after it."""
        if position < len(self.buffer):
            self.position = position
        else:
            self.buffer = b""
            self.position = 0

    def take(self, view: memoryview) -> int:
        """Move the first bytes of `buffer` into `view` and return their number."""
        position = self.position
        count = min(len(view), len(self.buffer) - position)
        if count:
            view[:count] = self.buffer[position : position + count]
            self.advance(position + count)
        return count

    def receive(self, seconds: float | None) -> int:
        """Receive into `buffer`, which is empty; return the number of bytes, 0 at the end.

        TimeoutError after `seconds`.
        """
        self.set_timeout(seconds)
        self.buffer = self.sock.recv(CHUNK)
        return len(self.buffer)

    def receive_into(self, view: memoryview, seconds: float | None) -> int:
        """Receive some bytes into `view`; return their number, 0 at the end. TimeoutError after `seconds`."""
        self.set_timeout(seconds)
        return self.sock.recv_into(view)  # type: ignore[no-any-return]

    # -- Sending

    def send(self, data: bytes) -> None:
        """Send all bytes. Raise TimeoutError if the client reads nothing for `Limits.write_timeout`."""
        try:
            try:
                sent = send_bytes(self.sock, data, 0) if self._direct else self.sock.send(data)
            except TimeoutError:
                # The timeout was set for another operation.
                sent = 0
            if sent != len(data):
                self._send_rest(memoryview(data), sent)
        except OSError as error:
            self.error = error
            raise

    def _send_rest(self, data: memoryview, sent: int) -> None:
        self.set_timeout(self.limits.write_timeout)
        while sent < len(data):
            sent += self.sock.send(data[sent:])

    def send_file(self, file: Any, offset: int, count: int) -> int:
        """Send `count` bytes of a file from `offset`, with sendfile(2) if possible; return how many were sent."""
        self.set_timeout(self.limits.write_timeout)
        try:
            return self.sock.sendfile(file, offset, count)  # type: ignore[no-any-return]
        except OSError as error:
            self.error = error
            raise

    # -- The end

    def reset(self) -> None:
        """Make the client see the close that follows as an error, not as the end of a response."""
        self.error = self.error or ConnectionAbortedError("the connection was reset")
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        except OSError:
            pass

    def linger(self) -> None:
        """Send the end of the stream and drop received bytes, for two seconds at most.

        A close while bytes are unread resets the connection, and the client may lose the answer (RFC 9112 9.6).
        """
        if self.error is not None:
            return
        deadline = monotonic() + 2
        try:
            if hasattr(self.sock, "unwrap"):
                # TLS has an end of its own, without which the client can't distinguish it from an attack.
                self.set_timeout(1)
                self.sock.unwrap()
            self.sock.shutdown(socket.SHUT_WR)
            # The number of reads is limited too: a client that sends without pause can't occupy the server.
            for _ in range(64):
                left = deadline - monotonic()
                if left <= 0:
                    break
                self.set_timeout(left)
                if not self.sock.recv(CHUNK):
                    break
        except OSError:
            pass

    def hand_over(self) -> tuple[Any, bytes]:
        """Return the socket, without a timeout, and the bytes after the head, where another protocol begins."""
        self.state = HANDED_OVER
        self.set_timeout(None)
        return self.sock, self.rest()

    def finish(self) -> None:
        """Make the next response the last one.

        Without a request in flight, serve only a request that was received already.
        """
        self.last = True
        if self.state > IDLE or (hasattr(self.sock, "unwrap") and self._has_received()):
            return
        self._end_tls()
        try:
            # A TLS socket's own method would drop its TLS layer, and the answer would be sent as plain text.
            socket.socket.shutdown(self.sock, socket.SHUT_RD)
        except OSError:
            pass

    def _has_received(self) -> bool:
        """Return whether the socket has received bytes, TLS's included."""
        self.set_timeout(0)
        try:
            return bool(socket.socket.recv(self.sock, 1, socket.MSG_PEEK))
        except OSError:
            return False
        finally:
            self.set_timeout(LAST_TIMEOUT)

    def _end_tls(self) -> None:
        """Send the end of TLS, if the connection has TLS, without waiting for the client's answer."""
        if not hasattr(self.sock, "unwrap"):
            return
        self.set_timeout(0)
        try:
            self.sock.unwrap()
        except (OSError, ValueError):
            # The client need not answer, and the TLS layer may have ended.
            pass
