"""A connection passed through a pair of sockets, so that bytes received before the hand-over are in the kernel again.

`select`, `poll`, selectors and native threads see them there, and also what a TLS layer has decrypted already.
"""

from greenrt._hub.greenlet import Greenlet
from greenrt._typing import Any
from greenrt.green import socket
from greenrt.sync.group import Group

__all__ = ["Relay"]

CHUNK = 65536


class Relay:
    """Passes bytes between a client's socket and `application_side`, after the bytes in `early`.

    An end of the stream is passed on in each direction; any error of either socket ends both directions.
    """

    def __init__(self, sock: Any, early: bytes) -> None:
        self._sock = sock
        self._inner, self.application_side = socket.socketpair()
        for end in (self._inner, self.application_side):
            # Whatever the default timeout is: the socket that was handed over has none.
            end.settimeout(None)
        # At once, so that the caller's next look at the socket finds them; the rest only if the pair cannot hold all.
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
            # Not the method of a TLS socket, which would drop its TLS layer while the other greenlet reads.
            socket.socket.shutdown(self._sock, socket.SHUT_WR)
        except OSError:
            self._break()

    def _break(self) -> None:
        """End both directions; the application reads the end of the stream, and cannot send."""
        for sock in (self._sock, self._inner):
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                # It has ended already.
                pass

    def drain(self, seconds: float | None) -> None:
        """Send what the application has written, for so many seconds at most, and the end of the stream."""
        try:
            self.application_side.shutdown(socket.SHUT_WR)
        except OSError:
            # The application has closed it.
            pass
        self._to_client.join(seconds)

    def close(self) -> None:
        """End both directions and close the pair; the client's socket is its owner's."""
        self._directions.kill(block=False)
        self._inner.close()
        self.application_side.close()
