"""``gunicorn.socket`` and ``werkzeug.socket``: the connection, for libraries that look for it in the environ."""

from collections.abc import Callable
from functools import partial

from greenrt._typing import Any
from greenrt.serve.http.connection import Wire
from greenrt.serve.http.relay import Relay

__all__ = ["ConnectionSocket"]

# Methods that tell something about the connection, or set options: the server goes on with it.
ABOUT_CONNECTION = frozenset(
    """
    cipher compression get_channel_binding getpeercert getpeername getsockname getsockopt pending
    selected_alpn_protocol selected_npn_protocol session_reused setsockopt shared_ciphers version
    """.split()
)
ABOUT_DESCRIPTOR = frozenset(
    "fileno get_inheritable getblocking gettimeout set_inheritable timeout".split(),
)
# Methods that return or leave something that uses the socket.
LENDING = frozenset("detach dup makefile share".split())
# The methods of a TLS socket, in those of the plain socket that stands for it.
PLAIN = {"read": "recv", "write": "send"}


class ConnectionSocket:
    """The socket of a connection. The first call that sends, receives or closes takes the connection from the server.

    If the server has received bytes after the request, they go through a `Relay`: from the first such call on,
    `fileno` is another one, at which `select` and its like find these bytes. With TLS, `fileno` has the same effect,
    since only the TLS layer knows what it has decrypted. The relay lasts until the application returns.
    """

    __slots__ = ("_calls", "_descriptor", "_hand_over", "_lent", "_sock", "_wire")

    def __init__(self, wire: Wire, hand_over: Callable[[], tuple[Any, bytes]]) -> None:
        self._wire = wire
        # What it is about is the client's connection; what sends and receives may be the relay's socket.
        self._sock = self._descriptor = wire.sock
        self._hand_over: Callable[[], tuple[Any, bytes]] | None = hand_over
        # How many calls are under way in the client's socket, and whether other objects use it: then a relay would
        # compete with them for its bytes.
        self._calls = 0
        self._lent = False

    def _take(self) -> Any:
        """Return the socket that sends and receives, which the server leaves alone from now on."""
        if self._hand_over is not None:
            _, early = self._hand_over()
            self._hand_over = None
            if early:
                self._relay(early)
        return self._descriptor

    def _relay(self, early: bytes) -> None:
        """Let the rest of the connection go through a relay. The timeout is the application's."""
        timeout = self._sock.gettimeout()
        self._wire.relay = Relay(self._sock, early)
        self._sock.settimeout(None)
        self._descriptor = self._wire.relay.application_side
        self._descriptor.settimeout(timeout)

    def _may_hide_bytes(self) -> bool:
        """Tell whether its descriptor says too little, and a relay can help."""
        taken = self._hand_over is None and self._descriptor is self._sock
        return taken and hasattr(self._sock, "pending") and not self._calls and not self._lent

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        sock = self._take()
        if sock is not self._sock and not hasattr(sock, name):
            if name not in PLAIN:
                raise NotImplementedError(
                    f"{name} of TLS: bytes were received with the request, so this connection has no TLS of its own"
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
        # Looking at it, as templates and debuggers do, does not take the connection.
        if name in ABOUT_CONNECTION or name.startswith("_") or not callable(found):
            return found
        return partial(self._call, name)

    def __enter__(self) -> "ConnectionSocket":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._call("close")

    def __repr__(self) -> str:
        return f"<ConnectionSocket of {self._sock!r}>"
