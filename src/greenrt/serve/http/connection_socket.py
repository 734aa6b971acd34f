"""``gunicorn.socket`` and ``werkzeug.socket``: the connection, for libraries that look for it in the environ."""

from collections.abc import Callable
from functools import partial

from greenrt._typing import Any
from greenrt.serve.http.relay import Relay
from greenrt.serve.http.wire import Wire

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
# The methods of a TLS socket, in those of the plain socket that stands for it.
PLAIN = {"read": "recv", "write": "send"}


class ConnectionSocket:
    """The socket of a connection. The first call that sends, receives or closes takes the connection from the server.

    If the server has received bytes after the request, they go through a `Relay`: from the first such call on,
    `fileno` is another one, at which `select` and its like find these bytes. It lasts until the application returns.
    """

    __slots__ = ("_descriptor", "_hand_over", "_sock", "_wire")

    def __init__(self, wire: Wire, hand_over: Callable[[], tuple[Any, bytes]]) -> None:
        self._wire = wire
        # What it is about is the client's connection; what sends and receives may be the relay's socket.
        self._sock = self._descriptor = wire.sock
        self._hand_over: Callable[[], tuple[Any, bytes]] | None = hand_over

    def _take(self) -> Any:
        """Return the socket that sends and receives, which the server leaves alone from now on."""
        if self._hand_over is not None:
            _, early = self._hand_over()
            self._hand_over = None
            if early:
                self._wire.relay = Relay(self._sock, early)
                self._descriptor = self._wire.relay.application_side
        return self._descriptor

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        sock = self._take()
        if sock is not self._sock and not hasattr(sock, name):
            if name not in PLAIN:
                raise NotImplementedError(
                    f"{name} of TLS: bytes were received with the request, so this connection has no TLS of its own"
                )
            name = PLAIN[name]
        return getattr(sock, name)(*args, **options)

    def __getattr__(self, name: str) -> Any:
        if name in ABOUT_DESCRIPTOR:
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
