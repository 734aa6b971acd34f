"""Socket calls that never block, and that return a marker if they would have to (plain twin)."""

import _socket

from greenrt._typing import Any

__all__ = [
    "WOULD_BLOCK",
    "attempt",
    "descriptor",
    "plain_stream",
    "receive",
    "receive_into",
    "timeout_of",
    "transmit",
]

# Some systems do not have this flag.
DONTWAIT: int = getattr(_socket, "MSG_DONTWAIT", 0)


class _WouldBlock:
    """The type of WOULD_BLOCK."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "WOULD_BLOCK"


# The result of `attempt` if the method would have to wait.
WOULD_BLOCK: Any = _WouldBlock()


def descriptor(sock: _socket.socket) -> int:
    """Return the file descriptor of `sock`; -1 if it is closed."""
    return sock.fileno()


def timeout_of(sock: _socket.socket) -> float:
    """Return the timeout of `sock` in seconds: 0 if it is non-blocking, negative if it has none."""
    timeout = sock.gettimeout()
    return -1.0 if timeout is None else timeout


def plain_stream(sock: _socket.socket) -> int:
    """Return -1: in plain Python, the test costs more than the system call that it would save."""
    return -1


def attempt(sock: _socket.socket, method: Any, args: tuple[Any, ...]) -> Any:
    """Call ``method(sock, *args)``, a method of `_socket.socket`; return WOULD_BLOCK if it would block."""
    if not sock.gettimeout() or sock.fileno() < 0:
        try:
            return method(sock, *args)
        except BlockingIOError:
            return WOULD_BLOCK
    # A positive timeout would make the method wait in poll(2), which blocks all greenlets. So the method is called on
    # a second object without timeout for the same fd. (Only the family number decides how addresses are parsed.)
    copy = _socket.socket(sock.family, sock.type, sock.proto, sock.fileno())
    try:
        return method(copy, *args)
    except BlockingIOError:
        return WOULD_BLOCK
    finally:
        copy.detach()


def receive(sock: _socket.socket, size: int, flags: int) -> bytes | None:
    """Call recv(2) without waiting; return at most `size` bytes, or None if there is no data yet."""
    data = attempt(sock, _socket.socket.recv, (size, flags | DONTWAIT))
    return None if data is WOULD_BLOCK else data


def receive_into(sock: _socket.socket, buffer: Any, start: int, size: int, flags: int) -> int:
    """Call recv(2) without waiting, into `buffer` from offset `start` on, for at most `size` bytes.

    Returns the number of bytes, or -1 if there is no data yet.
    """
    view = memoryview(buffer).cast("B")[start : start + size]
    count = attempt(sock, _socket.socket.recv_into, (view, size, flags | DONTWAIT))
    return -1 if count is WOULD_BLOCK else count


def transmit(sock: _socket.socket, data: Any, start: int, flags: int) -> int:
    """Call send(2) without waiting, for the bytes of `data` from offset `start` on.

    Returns the number of bytes sent, or -1 if the socket's buffer is full.
    """
    view = memoryview(data).cast("B")[start:] if start else data
    count = attempt(sock, _socket.socket.send, (view, flags | DONTWAIT))
    return -1 if count is WOULD_BLOCK else count
