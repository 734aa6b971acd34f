"""The environ's ``gunicorn.socket`` and ``werkzeug.socket``, where libraries look for the connection."""

from collections.abc import Callable
from functools import partial

from greenrt._typing import Any
from greenrt.serve.http.connection import Connection
from greenrt.serve.http.relay import Relay

__all__ = ["ConnectionSocket"]

# Methods that only describe the connection or set its options: the server keeps the connection.
ABOUT_CONNECTION = frozenset(
    """
    cipher compression get_channel_binding getpeercert getpeername getsockname getsockopt pending
    selected_alpn_protocol selected_npn_protocol session_reused setsockopt shared_ciphers version
    """.split()
)
ABOUT_DESCRIPTOR = frozenset(
    "fileno get_inheritable getblocking gettimeout set_inheritable timeout".split(),
)
# Methods after which another object uses the socket.
LENDING = frozenset("detach dup makefile share".split())
# The methods of a TLS socket, by those of the plain socket that replaces it.
PLAIN = {"read": "recv", "write": "send"}


class ConnectionSocket:
    """The socket of a connection. The first call that sends, receives or closes takes it from the server.

    If the server has received bytes after the request, they pass through a `Relay`. From the first such call on,
    `fileno` is another descriptor, on which `select` and similar functions find these bytes. With TLS, `fileno` has
    the same effect, since only the TLS layer knows which bytes it has decrypted. The relay lasts until the
    application returns.
    """

    __slots__ = ("_calls", "_connection", "_descriptor", "_hand_over", "_lent", "_sock")

    def __init__(self, connection: Connection, hand_over: Callable[[], tuple[Any, bytes]]) -> None:
        self._connection = connection
        # `_sock` is the client's socket. `_descriptor` sends and receives, and may be the relay's socket.
        self._sock = self._descriptor = connection.sock
        self._hand_over: Callable[[], tuple[Any, bytes]] | None = hand_over
        # How many calls use the client's socket now, and whether other objects use it. A relay would then compete
        # with them for the bytes.
        self._calls = 0
        self._lent = False

    def _take(self) -> Any:
        """Return the socket that sends and receives; the server does not use it from now on."""
        if self._hand_over is not None:
            _, early = self._hand_over()
            self._hand_over = None
            if early:
                self._relay(early)
        return self._descriptor

    def _relay(self, early: bytes) -> None:
        """Pass the rest of the connection through a relay, which keeps the application's timeout."""
        timeout = self._sock.gettimeout()
        self._connection.relay = Relay(self._sock, early)
        self._sock.settimeout(None)
        self._descriptor = self._connection.relay.application_side
        self._descriptor.settimeout(timeout)

    def _may_hide_bytes(self) -> bool:
        """Return whether the descriptor may hide received bytes and a relay can help."""
        taken = self._hand_over is None and self._descriptor is self._sock
        return taken and hasattr(self._sock, "pending") and not self._calls and not self._lent

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        sock = self._take()
        if sock is not self._sock and not hasattr(sock, name):
            if name not in PLAIN:
                raise NotImplementedError(
                    f"{name} of TLS is not available: bytes were received with the request, "
                    "so a plain socket replaces this one"
                )
            name = PLAIN[name]
        if name in LENDING:
            self._lent = True
        self._calls += 1
        try:
            return getattr(sock, name)(*args, **options)
        finally:
            self._calls -= 1

    def __getattr__(self, name: str) -> Any:
        if name in ABOUT_DESCRIPTOR:
            if name == "fileno" and self._may_hide_bytes():
                self._relay(b"")
            return getattr(self._descriptor, name)
        found = getattr(self._sock, name)
        # Looking up a method, as templates and debuggers do, does not take the connection.
        if name in ABOUT_CONNECTION or name.startswith("_") or not callable(found):
            return found
        return partial(self._call, name)

    def __enter__(self) -> "ConnectionSocket":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._call("close")

    def __repr__(self) -> str:
        return f"<ConnectionSocket of {self._sock!r}>"
