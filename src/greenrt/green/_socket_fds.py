"""Reads and writes of sockets by file descriptor, for sockets with options that change when blocking calls return.

For a socket, read(2) and write(2) are recv(2) and send(2) without flags. So the green calls of sockets implement the
options here too. Sources: read(2), socket(7).
"""

from greenrt._typing import Any
from greenrt.green._socket_io import recv, recvmsg_into, send
from greenrt.green._socket_options import borrowed
from greenrt.green._socket_waits import wait_for

__all__ = ["read", "readv", "wait", "write"]


def read(fd: int, length: int) -> bytes:
    """Read at most `length` bytes. See `os.read`."""
    with borrowed(fd) as sock:
        return recv(sock, length)


def readv(fd: int, buffers: Any) -> int:
    """Read into several buffers; return the number of bytes. See `os.readv`."""
    with borrowed(fd) as sock:
        return recvmsg_into(sock, buffers)[0]


def write(fd: int, data: Any) -> int:
    """Write `data`; return how many bytes were written. See `os.write`."""
    with borrowed(fd) as sock:
        return send(sock, data)


def wait(fd: int, event: int, deadline: float) -> float:
    """Park until `fd` is ready; return the deadline. The first call (0) computes it from the socket's options.

    Raise BlockingIOError after the deadline.
    """
    with borrowed(fd) as sock:
        return wait_for(sock, event, deadline, 0)
