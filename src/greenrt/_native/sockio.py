"""Socket calls that neither block nor raise when nothing is ready (plain twin)."""

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

# Absent from the module on systems without it.
DONTWAIT: int = getattr(_socket, "MSG_DONTWAIT", 0)


class _WouldBlock:
    """The type of WOULD_BLOCK."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "WOULD_BLOCK"


# What `attempt` returns when the method would have had to wait.
WOULD_BLOCK: Any = _WouldBlock()


def descriptor(sock: _socket.socket) -> int:
    """Return the fd of a socket; -1 if it is closed."""
    return sock.fileno()


def timeout_of(sock: _socket.socket) -> float:
    """Return a socket's timeout in seconds: 0 for non-blocking, negative for none."""
    timeout = sock.gettimeout()
    return -1.0 if timeout is None else timeout


def plain_stream(sock: _socket.socket) -> int:
    """Return -1: asking costs more here than the system call that it saves."""
    return -1


def attempt(sock: _socket.socket, method: Any, args: tuple[Any, ...]) -> Any:
    """Call ``method(sock, *args)``, one of `_socket.socket`'s; return WOULD_BLOCK if it would block."""
    if not sock.gettimeout() or sock.fileno() < 0:
        try:
            return method(sock, *args)
        except BlockingIOError:
            return WOULD_BLOCK
    # A positive timeout would make the method wait in poll(2), with all greenlets: a second object on the same fd has
    # none. (Its family's number alone decides how addresses are read.)
    copy = _socket.socket(sock.family, sock.type, sock.proto, sock.fileno())
    try:
        return method(copy, *args)
    except BlockingIOError:
        return WOULD_BLOCK
    finally:
        copy.detach()


def receive(sock: _socket.socket, size: int, flags: int) -> bytes | None:
    """recv(2) without waiting: return the bytes, or None when there are none yet."""
    data = attempt(sock, _socket.socket.recv, (size, flags | DONTWAIT))
    return None if data is WOULD_BLOCK else data


def receive_into(sock: _socket.socket, buffer: Any, start: int, size: int, flags: int) -> int:
    """recv(2) into `buffer` from `start` on, at most `size` bytes, without waiting: the count, -1 for none yet."""
    view = memoryview(buffer).cast("B")[start : start + size]
    count = attempt(sock, _socket.socket.recv_into, (view, size, flags | DONTWAIT))
    return -1 if count is WOULD_BLOCK else count


def transmit(sock: _socket.socket, data: Any, start: int, flags: int) -> int:
    """send(2) what `data` holds from `start` on, without waiting: return the count, or -1 when nothing fits yet."""
    view = memoryview(data).cast("B")[start:] if start else data
    count = attempt(sock, _socket.socket.send, (view, flags | DONTWAIT))
    return -1 if count is WOULD_BLOCK else count
