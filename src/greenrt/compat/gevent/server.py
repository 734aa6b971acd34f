"""gevent.server: gevent's StreamServer and DatagramServer."""

import errno
from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.green import socket
from greenrt.serve.log_outputs import ErrorLog
from greenrt.sync.semaphore import Semaphore

from .baseserver import BaseServer

__all__ = ["DatagramServer", "StreamServer"]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})

LOG: ErrorLog = ErrorLog(None)
# The arguments that `SSLContext.wrap_socket` takes; the others describe the context.
WRAPPING = frozenset(
    ("server_side", "do_handshake_on_connect", "suppress_ragged_eofs", "server_hostname", "session")
)


class StreamServer(BaseServer):
    """Call ``handle(socket, address)`` for each TCP connection, and close the socket afterwards. See `BaseServer`.

    - `backlog`: how many connections may wait in the kernel; None: the class attribute. It must be None if `listener`
      is a socket.
    - Other arguments enable TLS: `ssl_context`, or `keyfile`, `certfile`, `cert_reqs`, `ssl_version`, `ca_certs` and
      `ciphers`; and those of `ssl.SSLContext.wrap_socket`.

    `ssl_args` holds the arguments of `wrap_socket`, or None without TLS. A program may replace `wrap_socket`.
    `handshake_timeout` is the longest TLS handshake in seconds, None without a limit.
    """

    backlog: int = 1024
    reuse_addr: int | None = 1
    handshake_timeout: float | None = 10.0
    wrap_socket: Callable[..., Any]

    def __init__(
        self,
        listener: Any,
        handle: Any = None,
        backlog: int | None = None,
        spawn: Any = "default",
        **ssl_args: Any,
    ) -> None:
        super().__init__(listener, handle=handle, spawn=spawn)
        try:
            self.ssl_args: dict[str, Any] | None = None
            if ssl_args:
                self._set_tls(ssl_args)
            if backlog is not None:
                if not self.closed:
                    raise TypeError(
                        f"backlog must be None when the listener is a socket, which listens already, not {backlog!r}"
                    )
                self.backlog = backlog
        except BaseException:
            self.close()
            raise

    def _set_tls(self, arguments: dict[str, Any]) -> None:
        # Few servers need this module, and its import takes long.
        from ._server_tls import context_of, wrapper

        arguments.setdefault("server_side", True)
        self.ssl_args = {name: value for name, value in arguments.items() if name in WRAPPING}
        rest = {name: value for name, value in arguments.items() if name not in WRAPPING}
        self.wrap_socket = wrapper(context_of(rest), self.handshake_timeout)

    @property
    def ssl_enabled(self) -> bool:
        """Return whether connections have TLS."""
        return self.ssl_args is not None

    @classmethod
    def get_listener(cls, address: Any, backlog: int | None = None, family: Any = None) -> Any:
        """Return a listening socket for an address; None as `backlog` means the class attribute."""
        sock = _bound(address, cls.reuse_addr, family, socket.SOCK_STREAM)
        sock.listen(cls.backlog if backlog is None else backlog)
        return sock

    def init_socket(self) -> None:
        """Open the socket if the server has an address only, and choose the handler for TLS or for plain sockets."""
        if self.closed:
            self.socket: Any = self.get_listener(self.address, self.backlog, self.family)
            self.address: Any = self.socket.getsockname()
        # Another process that shares the socket may take a connection first; `do_read` must not wait then.
        self.socket.settimeout(0)
        self._handle = self.wrap_socket_and_handle if self.ssl_args else self.handle

    def do_read(self) -> Any:
        """Accept a connection; return its socket and the peer's address, or None if no client waits."""
        try:
            return self.socket.accept()
        except BlockingIOError:
            return None

    def do_close(self, sock: Any, *args: Any) -> None:
        """Close a connection whose handler has returned."""
        sock.close()

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> Any:
        """Make the TLS handshake and run the handler; close the TLS socket afterwards."""
        assert self.ssl_args is not None
        try:
            secured = self.wrap_socket(client_socket, **self.ssl_args)
        except OSError as error:
            # The peer caused this error. Its words must not reach the log.
            reason = "TLS handshake failed"
            self._rejected[reason] = self._rejected.get(reason, 0) + 1
            LOG.debug("%s: %r, %s", reason, address, getattr(error, "reason", None) or type(error).__name__)
            return None
        with secured:
            return self.handle(secured, address)


class DatagramServer(BaseServer):
    """Call ``handle(data, address)`` for each datagram. See `BaseServer`."""

    reuse_addr: int | None = 1
    # The largest datagram that `do_read` reads, in bytes; gevent cuts off at 8192.
    max_datagram: int = 65535

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._writelock = Semaphore()

    @classmethod
    def get_listener(cls, address: Any, family: Any = None) -> Any:
        """Return a bound datagram socket for an address."""
        return _bound(address, cls.reuse_addr, family, socket.SOCK_DGRAM)

    def init_socket(self) -> None:
        """Open the socket if the server has an address only."""
        if self.closed:
            self.socket: Any = self.get_listener(self.address, self.family)
            self.address: Any = self.socket.getsockname()

    def do_read(self) -> Any:
        """Return a datagram and its sender's address, or None if no datagram waits."""
        try:
            return self.socket.recvfrom(self.max_datagram, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None

    def sendto(self, *args: Any) -> int:
        """Send a datagram from the server's address; see `socket.socket.sendto`. One greenlet sends at a time."""
        with self._writelock:
            return self.socket.sendto(*args)  # type: ignore[no-any-return]


def _bound(address: Any, reuse_addr: int | None, family: Any, kind: Any) -> Any:
    """Return a socket bound to an address; raise OSError, which names the address."""
    if family is None:
        family = socket.AF_INET
    everywhere = family == socket.AF_INET6 and isinstance(address, tuple) and not address[0]
    try:
        sock = socket.socket(family, kind)
    except OSError as error:
        if not everywhere or error.errno != errno.EAFNOSUPPORT:
            raise
        # A kernel without IPv6 has no other addresses than those of IPv4.
        sock = socket.socket(socket.AF_INET, kind)
        everywhere = False
    try:
        if reuse_addr is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse_addr)
        if everywhere:
            # An empty host means IPv4 too, whatever /proc/sys/net/ipv6/bindv6only says.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
    except OSError as error:
        sock.close()
        if error.strerror is not None:
            error.strerror = f"{error.strerror}: {address!r}"
        raise
    except BaseException:
        sock.close()
        raise
    return sock
