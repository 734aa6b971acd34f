"""A limit on what a name server may send to a socket of c-ares without answering a question.

c-ares skips a message that answers none of its questions, however many come. A server that never stops sending would
keep the process busy until the questions time out. So each socket has a budget of reads and of bytes. When the budget
is used up, the socket is cut off: the process reads it no more, and the server counts as silent.
"""

import _socket
import fcntl
import struct
import termios

__all__ = ["MAX_DATAGRAM_READS", "MAX_STREAM_BYTES", "MAX_STREAM_READS", "RECEIVE_BUFFER", "ReadBudget"]

# The SO_RCVBUF of c-ares' sockets (bytes). c-ares repeats the read of a stream while reads fill its buffer, of at
# least 65535 bytes. The kernel doubles this number, so no read fills the buffer, and an event is one read.
RECEIVE_BUFFER = 16384

# An answer over TCP has at most 64 KiB. Small answers may arrive byte by byte.
MAX_STREAM_BYTES = 4 * 65536
MAX_STREAM_READS = 4096
# c-ares keeps a connection that ends within a message (1.34), and each poll reports its end again.
COST_OF_END = 65536
# A UDP socket carries one question. Its answer may arrive several times.
MAX_DATAGRAM_READS = 100

_INT = struct.Struct("i")
_NO_BYTES = bytes(_INT.size)


class ReadBudget:
    """The reads and bytes that the socket `fd` has left; the caller keeps the ownership of `fd`."""

    __slots__ = ("_bytes", "_fd", "_is_stream", "_reads")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        sock = _socket.socket(fileno=fd)
        try:
            self._is_stream = sock.type == _socket.SOCK_STREAM
        finally:
            sock.detach()
        self.refill()

    def refill(self) -> None:
        """Start with a full budget again: the server has answered a question."""
        self._reads = MAX_STREAM_READS if self._is_stream else MAX_DATAGRAM_READS
        self._bytes = MAX_STREAM_BYTES

    def spend(self) -> bool:
        """Count the next read; return False if it exceeds the budget, and the socket must be cut off."""
        self._reads -= 1
        if self._is_stream:
            self._bytes -= self._pending() or COST_OF_END
        return self._reads >= 0 and self._bytes >= 0

    def _pending(self) -> int:
        """Return how many bytes have arrived. c-ares reads all of them."""
        try:
            (pending,) = _INT.unpack(fcntl.ioctl(self._fd, termios.FIONREAD, _NO_BYTES))
        except OSError:
            # Other code has closed the socket. c-ares notices that itself.
            return 0
        return pending  # type: ignore[no-any-return]

    def cut_off(self) -> None:
        """End a stream, so that the server stops sending, and c-ares sends no more questions on it."""
        if not self._is_stream:
            return
        try:
            sock = _socket.socket(fileno=self._fd)
        except OSError:
            # Other code has closed the socket.
            return
        try:
            sock.shutdown(_socket.SHUT_RDWR)
        except OSError:
            # The connection has ended already.
            pass
        finally:
            sock.detach()
