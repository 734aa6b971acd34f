"""StreamServer: TCP and Unix stream connections."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.errors import GreenletExit
from greenrt.green import socket
from greenrt.serve.base import BaseServer
from greenrt.serve.checks import check_seconds, check_whole
from greenrt.serve.fd_reserve import ceiling
from greenrt.serve.listeners import open_stream
from greenrt.serve.log_outputs import ErrorLog

__all__ = ["StreamServer"]

LOG = ErrorLog(None)


class StreamServer(BaseServer):
    """Calls ``handle(socket, address)`` for each connection, and closes the socket after it. See `BaseServer`.

    TLS with `ssl_context`, an `ssl.SSLContext` for servers, or with `certfile` and `keyfile`, PEM files. The
    handshake is made in the handler's greenlet, in `handshake_timeout` seconds at most.

    `spawn` as a number limits the connections in all, `max_per_peer` those of one client: what it opens beyond is
    closed at once. `idle_timeout` is the timeout of the sockets that handlers get: a `recv` or `send` that waits
    longer raises TimeoutError, and a handler that lets it pass has ended properly.
    """

    # Seconds; None for no limit.
    handshake_timeout: float | None = 10.0
    idle_timeout: float | None = None
    # Connections of one client at once: one IPv4 address, or one /64 network of IPv6. None for no limit.
    max_per_peer: int | None = None
    # Connections that wait in the kernel to be taken in; None for 1024.
    backlog: int | None = None
    # May be replaced while the server runs: connections to come use the new one.
    ssl_context: Any = None

    def __init__(
        self,
        listener: Any,
        handle: Callable[..., Any] | None = None,
        backlog: int | None = None,
        spawn: Any = "default",
        *,
        ssl_context: Any = None,
        certfile: Any = None,
        keyfile: Any = None,
        reuse_port: bool | None = None,
        idle_timeout: float | None = None,
        max_per_peer: int | None = None,
    ) -> None:
        if backlog is not None:
            self.backlog = backlog
        if idle_timeout is not None:
            self.idle_timeout = idle_timeout
        if max_per_peer is not None:
            self.max_per_peer = max_per_peer
        if ssl_context is not None:
            self.ssl_context = ssl_context
        super().__init__(listener, handle, spawn, reuse_port=reuse_port)
        if backlog is not None and self._given is None:
            raise TypeError(
                f"backlog must be None where the listener is a socket, not {backlog!r}; it listens already"
            )
        self._reserve = ceiling()
        self._peers: dict[Any, int] = {}
        if certfile is not None and self.ssl_context is not None:
            raise TypeError("give either ssl_context or certfile, which makes one")
        if keyfile is not None and certfile is None:
            raise TypeError("a keyfile needs its certfile")
        self._certificate = (certfile, keyfile)
        if certfile is not None:
            self.reload_certificate()

    def _check_settings(self) -> None:
        super()._check_settings()
        check_whole("backlog", self.backlog, 0)
        check_whole("max_per_peer", self.max_per_peer, 1)
        check_seconds("idle_timeout", self.idle_timeout)
        check_seconds("handshake_timeout", self.handshake_timeout)
        context = self.ssl_context
        if context is not None:
            protocol = getattr(context, "protocol", None)
            if protocol is None or not hasattr(context, "wrap_socket"):
                raise TypeError(f"ssl_context must be an ssl.SSLContext or None, not {context!r}")
            if getattr(protocol, "name", "") == "PROTOCOL_TLS_CLIENT":
                raise ValueError(
                    f"ssl_context must be one for servers, and {context!r} has PROTOCOL_TLS_CLIENT; "
                    "make it with PROTOCOL_TLS_SERVER"
                )

    def reload_certificate(self) -> None:
        """Read `certfile` and `keyfile` again, for connections to come.

        OSError if they can't be used; the server goes on with what it had. ValueError if it has no certfile: with an
        `ssl_context` of yours, call its ``load_cert_chain``.
        """
        # Few servers need it, and it takes long to import.
        from greenrt.serve.tls import make_context

        if self._certificate[0] is None:
            raise ValueError(f"{self!r} was given no certfile; call load_cert_chain of your ssl_context")
        self.ssl_context = make_context(*self._certificate)

    def _open(self, family: Any, address: Any) -> Any:
        return open_stream(family, address, self.backlog, self.reuse_port)

    def _take(self, sock: Any) -> tuple[Any, Any]:
        connection, address = sock.accept()
        # The kernel hands out the lowest number that is free: so many descriptors are in use, whatever for.
        if connection.fileno() >= self._reserve:
            self._crowded = True
        return connection, address

    def _drop(self, taken: Any) -> None:
        taken.close()

    def _run_handler(self, connection: Any, address: Any) -> None:
        self._running += 1
        try:
            self._count_peer(connection, address)
        finally:
            self._running -= 1

    def _count_peer(self, connection: Any, address: Any) -> None:
        """Serve a connection, unless its client has as many as it may have."""
        most = self.max_per_peer
        peer = None if most is None else peer_of(address)
        if most is None or peer is None:
            self._serve(connection, address)
            return
        count = self._peers.get(peer, 0)
        if count >= most:
            LOG.info("a connection from %s was closed: it has %d", address[0], most)
            connection.close()
            return
        self._peers[peer] = count + 1
        try:
            self._serve(connection, address)
        finally:
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]

    def _serve(self, connection: Any, address: Any) -> None:
        if self.ssl_context is not None:
            connection = self._secured(connection, address)
            if connection is None:
                return
        if self.idle_timeout is not None:
            connection.settimeout(self.idle_timeout)
        assert self.handle is not None
        try:
            self.handle(connection, address)
        except GreenletExit:
            # Killed by `stop`.
            pass
        except BaseException as error:
            if isinstance(error, TimeoutError) and self.idle_timeout is not None:
                LOG.info("a connection from %r was closed: idle", address, exc_info=True)
                return
            self._report()
        finally:
            connection.close()

    def _secured(self, connection: Any, address: Any) -> Any:
        """Return the TLS layer over a connection; None, with the connection closed, if the handshake fails."""
        from greenrt.serve.tls import secure

        try:
            return secure(connection, self.ssl_context, self.handshake_timeout)
        except OSError as error:
            # The peer's doing, like any connection that breaks; its words are not for the log.
            reason = getattr(error, "reason", None) or type(error).__name__
            LOG.debug("no TLS with %r: %s", address, reason)
        except GreenletExit:
            pass
        return None


def peer_of(address: Any) -> Any:
    """Return what connections of one client have in common; None for a Unix socket's."""
    if not isinstance(address, tuple):
        return None
    host = address[0]
    if ":" not in host:
        return host
    if host.startswith("::ffff:"):
        return host[7:]
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8]
