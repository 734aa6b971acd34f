"""A server for TCP and Unix stream connections."""

import os
from collections.abc import Callable

from greenrt._typing import TYPE_CHECKING, Any
from greenrt.errors import GreenletExit
from greenrt.green import socket
from greenrt.serve.base import BaseServer, Spawn
from greenrt.serve.checks import check_seconds, check_whole
from greenrt.serve.fd_reserve import ceiling
from greenrt.serve.listeners import Listener, open_stream
from greenrt.serve.log_outputs import ErrorLog

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["StreamServer"]

LOG = ErrorLog(None)


class StreamServer(BaseServer):
    """Call ``handle(socket, address)`` for each connection and close the socket afterwards. See `BaseServer`.

    - `backlog`: how many connections may wait in the kernel to be accepted; None: 1024. It must be None if `listener`
      is a socket, which listens already.
    - `ssl_context`: an `ssl.SSLContext` for servers, which enables TLS. The attribute may be replaced while the
      server runs: later connections use the new one.
    - `certfile`, `keyfile`: the certificate chain and the private key, PEM files, instead of `ssl_context`.
    - `handshake_timeout`: the longest TLS handshake, in seconds; it runs in the handler's greenlet. None: the class
      attribute, 10.
    - `idle_timeout`: the timeout of the sockets that handlers get, in seconds; None: no limit. A `recv` or `send`
      that waits longer raises TimeoutError, and a handler may let it propagate: it counts as a normal end.
    - `max_per_peer`: the most connections of one client, which is one IPv4 address or one /64 network of IPv6; None:
      no limit. Further connections of it are closed at once. `spawn` as a number limits the connections of all
      clients.
    """

    # The class attributes of the constructor's options.
    handshake_timeout: float | None = 10.0
    idle_timeout: float | None = None
    max_per_peer: int | None = None
    backlog: int | None = None
    ssl_context: "SSLContext | None" = None

    def __init__(
        self,
        listener: Listener,
        handle: Callable[..., object] | None = None,
        backlog: int | None = None,
        spawn: Spawn = "default",
        *,
        ssl_context: "SSLContext | None" = None,
        certfile: str | os.PathLike[str] | None = None,
        keyfile: str | os.PathLike[str] | None = None,
        handshake_timeout: float | None = None,
        idle_timeout: float | None = None,
        max_per_peer: int | None = None,
        reuse_port: bool | None = None,
        stop_timeout: float | None = None,
        min_delay: float | None = None,
        max_delay: float | None = None,
        max_accept: int | None = None,
    ) -> None:
        self._set_options(
            backlog=backlog,
            ssl_context=ssl_context,
            handshake_timeout=handshake_timeout,
            idle_timeout=idle_timeout,
            max_per_peer=max_per_peer,
        )
        super().__init__(
            listener,
            handle,
            spawn,
            reuse_port=reuse_port,
            stop_timeout=stop_timeout,
            min_delay=min_delay,
            max_delay=max_delay,
            max_accept=max_accept,
        )
        if backlog is not None and self._given is None:
            raise TypeError(
                f"backlog must be None if the listener is a socket, which listens already, not {backlog!r}"
            )
        self._reserve = ceiling()
        self._peers: dict[Any, int] = {}
        if certfile is not None and self.ssl_context is not None:
            raise TypeError("ssl_context and certfile are both given; give one of them")
        if keyfile is not None and certfile is None:
            raise TypeError("keyfile is given without certfile; give both")
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
                    f"ssl_context must be one for servers, but {context!r} has PROTOCOL_TLS_CLIENT; "
                    "make it with PROTOCOL_TLS_SERVER"
                )

    def reload_certificate(self) -> None:
        """Read `certfile` and `keyfile` again, for later connections.

        Raise OSError if they can't be used; the server then keeps the certificate that it has. Raise ValueError if
        the server has no `certfile`: for an `ssl_context` of your own, call its ``load_cert_chain``.
        """
        # Few servers need this module, and its import takes long.
        from greenrt.serve.tls import make_context

        if self._certificate[0] is None:
            raise ValueError(f"{self!r} has no certfile; call load_cert_chain of your ssl_context")
        self.ssl_context = make_context(*self._certificate)

    def _open(self, family: Any, address: Any) -> Any:
        return open_stream(family, address, self.backlog, self.reuse_port)

    def _accept(self, sock: Any) -> tuple[Any, Any]:
        connection, address = sock.accept()
        # The kernel hands out the lowest free number, so this number says how many descriptors are in use for any
        # purpose.
        if connection.fileno() >= self._reserve:
            self._crowded = True
        return connection, address

    def _discard(self, taken: Any) -> None:
        taken.close()

    def _run_handler(self, connection: Any, address: Any) -> None:
        self._running += 1
        try:
            self._count_peer(connection, address)
        finally:
            self._running -= 1

    def _count_peer(self, connection: Any, address: Any) -> None:
        """Serve a connection, unless its client has as many connections as allowed."""
        most = self.max_per_peer
        peer = None if most is None else peer_of(address)
        if most is None or peer is None:
            self._serve(connection, address)
            return
        count = self._peers.get(peer, 0)
        if count >= most:
            self._reject("its client has too many connections")
            LOG.info("a connection from %s was closed: its client has %d", address[0], most)
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
            # `stop` has killed this handler.
            pass
        except BaseException as error:
            if isinstance(error, TimeoutError) and self.idle_timeout is not None:
                LOG.info("a connection from %r was closed: it was idle", address, exc_info=True)
                return
            self._report()
        finally:
            connection.close()

    def _secured(self, connection: Any, address: Any) -> Any:
        """Return the TLS socket over a connection; if the handshake fails, close the connection and return None."""
        from greenrt.serve.tls import secure

        try:
            return secure(connection, self.ssl_context, self.handshake_timeout)
        except OSError as error:
            # The peer caused this error, as it does if a connection breaks. Its words must not reach the log.
            reason = getattr(error, "reason", None) or type(error).__name__
            self._reject("TLS handshake failed")
            LOG.debug("the TLS handshake with %r failed: %s", address, reason)
        except GreenletExit:
            pass
        return None


def peer_of(address: Any) -> Any:
    """Return a key that all connections of one client share; None for a Unix socket."""
    if not isinstance(address, tuple):
        return None
    host = address[0]
    if ":" not in host:
        return host
    if host.startswith("::ffff:"):
        return host[7:]
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8]
