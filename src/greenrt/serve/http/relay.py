"""Pass a connection through a pair of sockets.

Bytes that were received before the hand-over are in the kernel again that way. There `select`, `poll`, selectors and
native threads find them, and also the bytes that a TLS layer has decrypted already.
"""

from greenrt._hub.greenlet import Greenlet
from greenrt._typing import Any
from greenrt.green import socket
from greenrt.sync.group import Group

__all__ = ["Relay"]

CHUNK = 65536


class Relay:
    """Pass bytes between a client's socket and `application_side`, after the bytes in `early`.

    The end of the stream is passed on in each direction. An error of either socket ends both directions.
    """

    def __init__(self, sock: Any, early: bytes) -> None:
        self._sock = sock
        self._inner: Any
        self.application_side: Any
        self._inner, self.application_side = socket.socketpair()
        for end in (self._inner, self.application_side):
            # The socket that was handed over has no timeout, whatever the default timeout is.
            end.settimeout(None)
        # Send at once, so that the caller finds the bytes when it next looks at the socket. A greenlet sends what
        # does not fit.
        sent = self._inner.send(early) if early else 0
        self._to_client = Greenlet.spawn(self._pass_to_client)
        self._directions = Group([self._to_client, Greenlet.spawn(self._pass_to_application, early[sent:])])

    def _pass_to_application(self, early: bytes) -> None:
        try:
            if early:
                self._inner.sendall(early)
            while data := self._sock.recv(CHUNK):
                self._inner.sendall(data)
            self._inner.shutdown(socket.SHUT_WR)
        except OSError:
            self._break()

    def _pass_to_client(self) -> None:
        try:
            while data := self._inner.recv(CHUNK):
                self._sock.sendall(data)
            # A TLS socket's own method would drop the TLS layer while the other greenlet reads.
            socket.socket.shutdown(self._sock, socket.SHUT_WR)
        except OSError:
            self._break()

    def _break(self) -> None:
        """End both directions: the application reads the end of the stream, and can't send."""
        for sock in (self._sock, self._inner):
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                # The socket has ended already.
                pass

    def drain(self, seconds: float | None) -> None:
        """Send what the application has written, for at most `seconds`, and the end of the stream; None: no limit."""
        try:
            self.application_side.shutdown(socket.SHUT_WR)
        except OSError:
            # The application has closed the socket.
            pass
        self._to_client.join(seconds)

    def close(self) -> None:
        """End both directions and close the pair. The client's socket stays open: it belongs to the server."""
        self._directions.kill(block=False)
        self._inner.close()
        self.application_side.close()
