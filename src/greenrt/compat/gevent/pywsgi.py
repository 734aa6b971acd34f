"""gevent.pywsgi: gevent's WSGIServer and its handlers, served by greenrt's HTTP engine."""

import logging
import sys
import warnings
from collections.abc import Callable, Mapping

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.green import socket
from greenrt.serve.http.connection import Connection
from greenrt.serve.http.limits import Limits
from greenrt.serve.stream import peer_of
from greenrt.serve.wsgi import HANDLERS, UNSENT

from ._wsgi_environ import Environ, SecureEnviron, WSGISecureEnviron
from ._wsgi_handler import WSGIHandler
from ._wsgi_input import Input
from ._wsgi_logs import LoggingLogAdapter, NoopLog, as_stream
from .baseserver import BaseServer
from .server import StreamServer

__all__ = [
    "Environ",
    "Input",
    "LoggingLogAdapter",
    "SecureEnviron",
    "WSGIHandler",
    "WSGISecureEnviron",
    "WSGIServer",
]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})

# The default of `WSGIServer.limits`: the longest request line in bytes.
MAX_REQUEST_LINE = Limits().request_line
# The keys of all environs, without those that depend on the server.
BASE_ENV: dict[str, Any] = {
    "GATEWAY_INTERFACE": "CGI/1.1",
    "SERVER_SOFTWARE": f"gevent/26.9 Python/{sys.version_info[0]}.{sys.version_info[1]}",
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.multithread": False,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}
# gevent's own tests use the name.
_NoopLog = NoopLog


class WSGIServer(StreamServer):
    """Serve a WSGI application over HTTP/1.1 and HTTP/1.0. See `StreamServer`.

    - `application`: the WSGI application; a subclass may define it as a method.
    - `log`: the access log: a text stream, a logger, ``"default"`` (stderr), or None for no log.
    - `error_log`: the error log, of the same kinds; it is also ``wsgi.errors``.
    - `handler_class`: a subclass of WSGIHandler, or a function of ``(socket, address, server)`` that returns an
      object with a method `handle`.
    - `environ`: keys and values for each environ.

    `limits` is a `greenrt.serve.Limits`, which bounds what one client may cost; a subclass or an instance may set it
    before the server starts. `environ_class` is the class of environs. `environ` holds the keys that all environs
    have.
    """

    handler_class: Any = WSGIHandler
    application: Any = None
    log: Any = None
    error_log: Any = None
    environ_class: Any = dict
    secure_environ_class: Any = WSGISecureEnviron
    limits: Limits = Limits()
    environ: Any
    base_env: Any = BASE_ENV

    def __init__(
        self,
        listener: Any,
        application: Any = None,
        backlog: int | None = None,
        spawn: Any = "default",
        log: Any = "default",
        error_log: Any = "default",
        handler_class: Any = None,
        environ: Any = None,
        **ssl_args: Any,
    ) -> None:
        handle = ssl_args.pop("handle", None)
        if handle is not None:
            warnings.warn(
                "WSGIServer got the argument 'handle', which replaces its HTTP; an application is 'application'",
                DeprecationWarning,
                stacklevel=2,
            )
        self._connections: set[Connection] = set()
        # The number of connections of each client, if that is limited.
        self._peers: dict[Any, int] = {}
        # Whether the server accepts nothing because it has too many connections.
        self._crowded = False
        # Whether `close` was called since the last start.
        self._ended = False
        super().__init__(listener, handle, backlog=backlog, spawn=spawn, **ssl_args)
        if application is not None:
            self.application = application
        if handler_class is not None:
            self.handler_class = handler_class
        self.log = as_stream(log, logging.INFO)
        self.error_log = as_stream(error_log, logging.ERROR)
        self.set_environ(environ)
        self.set_max_accept()

    # -- The environ

    def set_environ(self, environ: Any = None) -> None:
        """Set the keys that all environs have: those of the class, of the server and of `environ`."""
        if environ is not None:
            self.environ = environ
        own = getattr(self, "environ", None)
        self.environ = self.environ_class(self.base_env)
        self.environ["wsgi.url_scheme"] = "https" if self.ssl_enabled else "http"
        if own is not None:
            self.environ.update(own)
        if self.environ.get("wsgi.errors") is None:
            self.environ["wsgi.errors"] = self.error_log

    def get_environ(self) -> Any:
        """Return a new environ with the keys that all environs have; a handler adds those of the request."""
        return self.environ_class(self.environ)

    def update_environ(self) -> None:
        """Add the server's name and port to `environ`; `start` calls it once the address is known."""
        if not isinstance(self.address, tuple):
            self.environ.setdefault("SERVER_NAME", "")
            self.environ.setdefault("SERVER_PORT", "")
            return
        if "SERVER_NAME" not in self.environ:
            self.environ["SERVER_NAME"] = socket.getfqdn(self.address[0])
        self.environ.setdefault("SERVER_PORT", str(self.address[1]))

    def set_max_accept(self) -> None:
        """Accept one connection at a time if other processes listen on the same socket."""
        if self.environ.get("wsgi.multiprocess"):
            self.max_accept = 1

    def _plain_environ(self) -> bool:
        """Return whether environs are plain dicts with the keys of `environ`."""
        return self.environ_class is dict and type(self).get_environ is WSGIServer.get_environ

    # -- Connections

    def init_socket(self) -> None:
        """Open the socket; see `StreamServer.init_socket`."""
        self._ended = False
        super().init_socket()
        if self.family != socket.AF_UNIX:
            # Accepted sockets inherit these from the listener; see `greenrt.serve.WSGIServer`.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        self.update_environ()

    def full(self) -> bool:
        """Return whether the server must not accept now; without a pool, `limits.connections` says so."""
        most = self.limits.connections
        return most is not None and len(self._connections) >= most

    def _wait_for_room(self) -> None:
        super()._wait_for_room()
        # Without a pool, a connection that ends makes room.
        self._crowded = self.pool is None

    def handle(self, sock: Any, address: Any) -> None:
        """Answer the requests of one connection with an object of `handler_class`."""
        most = self.limits.connections_per_peer
        peer = None if most is None else peer_of(address)
        if most is None or peer is None:
            self.handler_class(sock, address, self).handle()
            return
        count = self._peers.get(peer, 0)
        if count >= most:
            self._reject("its client has too many connections")
            return
        self._peers[peer] = count + 1
        try:
            self.handler_class(sock, address, self).handle()
        finally:
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]

    def close(self) -> None:
        """Accept nothing more, and close the connections that wait for a request; the others get one more answer."""
        super().close()
        self._ended = True
        for connection in list(self._connections):
            connection.finish()

    @property
    def connections(self) -> int:
        """Return the number of open connections, including those that wait for a request."""
        return len(self._connections)

    def _enter(self, connection: Connection) -> None:
        self._connections.add(connection)
        if self._ended:
            # The connection was accepted while the server stopped.
            connection.last = True

    def _leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if self._crowded:
            self._crowded = False
            self._start_accepting_if_started()

    def _reject(self, reason: str) -> None:
        """Count a connection or a request that is refused."""
        self._rejected[reason] = self._rejected.get(reason, 0) + 1


def _parts_of(names: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Return the exchange, the connection and the peer of the handler whose method `handle` has these variables."""
    handler = object.__getattribute__(names["self"], "__dict__")
    return handler["_exchange"], handler["_connection"], handler["client_address"]


HANDLERS.append((BaseServer._handle_and_close, WSGIHandler.handle.__code__, _parts_of))


def _main() -> None:
    """Serve ``module:application``, patched: ``python -m gevent.pywsgi``."""
    from greenrt import monkey

    monkey.patch_all()
    import argparse
    import importlib

    parser = argparse.ArgumentParser(prog="python -m gevent.pywsgi")
    parser.add_argument("app", help="the WSGI application, as module:callable")
    parser.add_argument("-b", "--bind", help="the address to listen on", default=":8080")
    arguments = parser.parse_args()
    module, _, name = arguments.app.partition(":")
    server = WSGIServer(arguments.bind, getattr(importlib.import_module(module), name))
    server.serve_forever()


if __name__ == "__main__":
    _main()
