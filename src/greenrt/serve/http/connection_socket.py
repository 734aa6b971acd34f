"""``gunicorn.socket`` and ``werkzeug.socket``: the connection, for libraries that look for it in the environ."""

from collections.abc import Callable
from functools import partial

from greenrt._typing import Any
from greenrt.green import socket

__all__ = ["ConnectionSocket"]

# Methods that tell something about the connection, or set options: the server goes on with it.
NEUTRAL = frozenset(
    """
    cipher compression fileno get_channel_binding get_inheritable getblocking getpeercert getpeername getsockname
    getsockopt gettimeout pending selected_alpn_protocol selected_npn_protocol session_reused set_inheritable
    setsockopt shared_ciphers version
    """.split()
)
# Methods that would leave out the bytes that were received with the request.
RECEIVING = frozenset("detach dup makefile read recvfrom_into recvmsg recvmsg_into share unwrap".split())


class ConnectionSocket:
    """The socket of a connection. The first call that sends, receives or closes takes the connection from the server.

    `recv`, `recv_into` and `recvfrom` return the bytes after the request first that the server has received with it.
    Where there are such bytes, `select` does not see them, and the other receiving methods raise NotImplementedError.
    """

    __slots__ = ("_early", "_hand_over", "_sock")

    def __init__(self, sock: Any, hand_over: Callable[[], tuple[Any, bytes]]) -> None:
        self._sock = sock
        self._hand_over: Callable[[], tuple[Any, bytes]] | None = hand_over
        self._early = b""

    def _take(self) -> Any:
        """Return the socket, which the server leaves alone from now on."""
        if self._hand_over is not None:
            _, self._early = self._hand_over()
            self._hand_over = None
        return self._sock

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        sock = self._take()
        if self._early and name in RECEIVING:
            raise NotImplementedError(
                f"{len(self._early)} bytes were received with the request; call recv before {name}"
            )
        return getattr(sock, name)(*args, **options)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """See `socket.socket.recv`."""
        sock = self._take()
        if not self._early:
            return sock.recv(bufsize, flags)  # type: ignore[no-any-return]
        data = self._early[:bufsize]
        if not flags & socket.MSG_PEEK:
            self._early = self._early[len(data) :]
        return data

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Any]:
        """See `socket.socket.recvfrom`; a connection has no address here."""
        return self.recv(bufsize, flags), None

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """See `socket.socket.recv_into`."""
        sock = self._take()
        if not self._early:
            return sock.recv_into(buffer, nbytes, flags)  # type: ignore[no-any-return]
        view = memoryview(buffer).cast("B")
        data = self.recv(nbytes or len(view), flags)
        view[: len(data)] = data
        return len(data)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._sock, name)
        # Looking at it, as templates and debuggers do, does not take the connection.
        if name in NEUTRAL or name.startswith("_") or not callable(found):
            return found
        return partial(self._call, name)

    def __enter__(self) -> "ConnectionSocket":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._call("close")

    def __repr__(self) -> str:
        return f"<ConnectionSocket of {self._sock!r}>"
