"""A server for WSGI applications (PEP 3333) over HTTP/1.1."""

import os
from collections.abc import Callable, Mapping
from types import CodeType

from greenrt._hub.sleep import sleep
from greenrt._native.thread import monotonic
from greenrt._typing import TYPE_CHECKING, Any, ClassVar
from greenrt.errors import GreenletExit
from greenrt.green import socket
from greenrt.serve.base import Spawn
from greenrt.serve.checks import check_callable, check_flag
from greenrt.serve.http.access_log import AccessLog, ErrorStream, Refusal, RefusalLog
from greenrt.serve.http.connection import FIRST_TIMEOUT, LAST_TIMEOUT, Connection
from greenrt.serve.http.connection_state import HANDED_OVER, IDLE, NEW
from greenrt.serve.http.exchange import Exchange, FileWrapper
from greenrt.serve.http.limits import Limits
from greenrt.serve.http.protocol import BAD_REQUEST, RequestError
from greenrt.serve.http.request import read_request
from greenrt.serve.http.request_body import NO_BODY
from greenrt.serve.http.request_head import HeadParser
from greenrt.serve.listeners import Listener
from greenrt.serve.log_outputs import ErrorLog, line_writer
from greenrt.serve.stream import StreamServer

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["HANDLERS", "WSGIServer", "shown_peer"]

# How many unsent bytes of a response the kernel accepts (TCP_NOTSENT_LOWAT, tcp(7)). More is no faster, also for 1
# MB. And with thousands of slow readers, the server would be busy filling the kernel's memory.
UNSENT = 65_536
# Options of StreamServer that the limits replace.
REPLACED = {
    "max_per_peer": "limits=Limits(connections_per_peer=...)",
    "idle_timeout": "limits=Limits(idle_timeout=...)",
    "handshake_timeout": "limits=Limits(head_timeout=...)",
    "base_env": "the argument: environ=...",
}


class WSGIServer(StreamServer):
    """Serve a WSGI application over HTTP/1.1 and 1.0, with a greenlet for each connection. See `StreamServer`.

    - `application`: the WSGI application. A subclass may define it as a method.
    - `limits`: a `Limits`, which bounds what one client may cost; None: the defaults of `Limits`.
    - `log`: the output of the access log, in the common log format. None: no log. ``"default"``: stderr. Otherwise a
      text stream, a logger (each line at INFO), or a callable that takes a str of whole lines.
    - `error_log`: a logger or a text stream; None or ``"default"``: the logger ``greenrt.serve``. A log that can't be
      written loses its lines, and nothing else happens.
    - `on_error`: a function that is called with the environ and the exception when the application fails.
    - `environ`: a dict that is added to the environ of each request.
    - `may_exit`: whether SystemExit and KeyboardInterrupt, raised while the application runs, end the program; they
      may come from the handler of a signal. False: they are failures of the application like any other. None: the
      class attribute, True.

    Application exceptions are logged, answered with 500 if nothing has been sent, and passed to `on_error`. A
    response that is incomplete ends with a reset.

    The server refuses requests that servers and proxies may understand differently (RFC 9112): it answers with 400
    and closes the connection. It drops header fields with an underscore in their name, and ``Proxy``. A refused
    request has a line in the access log, and a warning with its client's address in the error log. The error log has
    at most ten such warnings in a minute, and then their number.

    Besides the keys of PEP 3333, the environ has ``REQUEST_URI`` (the target as received), ``REMOTE_ADDR`` and
    ``REMOTE_PORT``, and ``wsgi.input_terminated``. For a request that asks for another protocol it has
    ``greenrt.upgrade``, a function that returns ``(socket, bytes)``: the connection and the bytes after the request.
    The call first reads and drops the rest of the request's body. The server sends nothing more then, and closes the
    socket when the application returns. Such a request also has ``gunicorn.socket`` and ``werkzeug.socket``, a
    `ConnectionSocket`, in which WebSocket libraries find the connection.

    `connections` is the number of open connections. `given_up` is the number of requests whose greenlets were killed
    before their answers were complete.
    """

    stop_timeout: float = 30.0
    may_exit: bool = True
    # A subclass may define these as attributes or, if they are callable, as methods.
    application: Callable[..., object] | None = None
    limits: Limits = None  # type: ignore[assignment]  # The constructor sets it.
    error_log: Any = None
    on_error: Callable[[dict[str, Any], BaseException], object] | None = None

    _replaced: ClassVar[Mapping[str, str]] = {**StreamServer._replaced, **REPLACED}

    def __init__(
        self,
        listener: Listener,
        application: Callable[..., object] | None = None,
        backlog: int | None = None,
        spawn: Spawn = "default",
        *,
        limits: Limits | None = None,
        log: Any = None,
        error_log: Any = None,
        on_error: Callable[[dict[str, Any], BaseException], object] | None = None,
        environ: dict[str, Any] | None = None,
        ssl_context: "SSLContext | None" = None,
        certfile: str | os.PathLike[str] | None = None,
        keyfile: str | os.PathLike[str] | None = None,
        may_exit: bool | None = None,
        reuse_port: bool | None = None,
        stop_timeout: float | None = None,
        min_delay: float | None = None,
        max_delay: float | None = None,
        max_accept: int | None = None,
        **unknown: object,
    ) -> None:
        for name in unknown:
            instead = f"; use {self._replaced[name]}" if name in self._replaced else ""
            raise TypeError(f"{type(self).__name__} has no argument {name!r}{instead}")
        self._set_options(
            limits=limits, application=application, error_log=error_log, on_error=on_error, may_exit=may_exit
        )
        if self.limits is None:
            self.limits = Limits()
        self._check_own(environ)
        if spawn == "default" and self.limits.connections is not None:
            spawn = self.limits.connections
        # The constructor of StreamServer checks these.
        self.handshake_timeout: float | None = self.limits.head_timeout
        self.max_per_peer: int | None = self.limits.connections_per_peer
        super().__init__(
            listener,
            None,
            backlog,
            spawn,
            ssl_context=ssl_context,
            certfile=certfile,
            keyfile=keyfile,
            reuse_port=reuse_port,
            stop_timeout=stop_timeout,
            min_delay=min_delay,
            max_delay=max_delay,
            max_accept=max_accept,
        )
        self.error_log = ErrorLog(self.error_log)
        self._refusals = RefusalLog(self.error_log)
        write = line_writer(log)
        self._access = None if write is None else AccessLog(write)
        self._environ = dict(environ or {})
        self._connections: set[Connection] = set()
        # The number of requests whose greenlets `stop` or other code killed before their answers were complete.
        self.given_up: int = 0

    def _check_own(self, environ: Any) -> None:
        if not isinstance(self.limits, Limits):
            raise TypeError(f"limits must be a greenrt.serve.Limits or None, not {self.limits!r}")
        check_callable("application", self.application)
        check_callable("on_error", self.on_error)
        check_flag("may_exit", self.may_exit)
        if environ is not None and (
            not isinstance(environ, dict) or not all(isinstance(key, str) for key in environ)
        ):
            raise TypeError(f"environ must be a dict whose keys are str, or None, not {environ!r}")

    # -- Life

    def start(self) -> None:
        """Start to serve; see `BaseServer.start`. Raise TypeError without an application."""
        if self.application is None:
            raise TypeError(f"{self!r} has no application; give it one to serve")
        super().start()
        if self.family != socket.AF_UNIX:
            # Accepted sockets inherit this from the listener.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Without this the kernel holds megabytes for each client that is slow to read.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)

    def stop(self, timeout: float | None = None) -> None:
        """Stop; see `BaseServer.stop`."""
        try:
            super().stop(timeout)
        finally:
            self._refusals.report(True)

    def _wind_down(self) -> None:
        # Each connection gets one more answer.
        for connection in self._connections:
            connection.last = True
        self._own.spawn(self._close_waiting)

    def _close_waiting(self) -> None:
        """Close the connections without a request, after the time that one may need to arrive."""
        began = monotonic()
        # Connections that were just accepted have not started yet.
        sleep(0)
        self._close_in_state(IDLE, began + LAST_TIMEOUT)
        self._close_in_state(NEW, began + FIRST_TIMEOUT)

    def _close_in_state(self, state: int, deadline: float) -> None:
        while waiting := [each for each in self._connections if each.state == state]:
            if monotonic() >= deadline:
                break
            for connection in waiting:
                connection.wait_for_request(deadline - monotonic())
        for connection in waiting:
            connection.finish()

    # -- Connections

    @property
    def connections(self) -> int:
        """Return the number of open connections, including those that wait for a request."""
        return len(self._connections)

    def handle(self, sock: Any, peer: Any) -> None:
        """Answer the requests of one connection; `peer` is the client's address."""
        connection = Connection(sock, self.limits, self._answered)
        self._connections.add(connection)
        if not self.started:
            # The connection was accepted while the server stopped.
            connection.last = True
        try:
            self._converse(connection, self._base_environ(connection, peer), peer)
        except OSError as error:
            # The client has left or reads nothing, so it can't be answered.
            connection.reset()
            self.error_log.debug("a connection from %s broke: %s", shown_peer(peer), error)
        finally:
            self._connections.discard(connection)
            if connection.relay is not None:
                connection.relay.close()
            self._refusals.report(False)

    def _base_environ(self, connection: Connection, peer: Any) -> dict[str, Any]:
        """Return the keys and values that all environs of a connection share."""
        sock = connection.sock
        here = sock.getsockname()
        named = isinstance(here, tuple)
        environ: dict[str, Any] = {
            "SCRIPT_NAME": "",
            "SERVER_NAME": here[0] if named else "localhost",
            "SERVER_PORT": str(here[1]) if named else "0",
            "SERVER_SOFTWARE": "greenrt",
            "REMOTE_ADDR": peer[0] if named else "",
            "REMOTE_PORT": str(peer[1]) if named else "",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if hasattr(sock, "cipher") else "http",
            "wsgi.errors": ErrorStream(self.error_log),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileWrapper,
            "wsgi.input_terminated": True,
        }
        environ.update(self._environ)
        return environ

    def _converse(self, connection: Connection, base: dict[str, Any], peer: Any) -> None:
        """Answer requests until the connection must be closed."""
        application = self.application
        access = self._access
        left = self.limits.requests
        heads = HeadParser(base)
        while True:
            try:
                exchange = read_request(connection, heads)
            except RequestError as error:
                self._refuse(connection, peer, error, Refusal(base["REMOTE_ADDR"], error.status, heads))
                return
            if exchange is None:
                return
            if left is not None:
                left -= 1
                if left <= 0:
                    connection.last = True
            plain = False
            try:
                plain = exchange.run(application)
            except GreenletExit:
                connection.reset()
                if connection.state != HANDED_OVER:
                    self.given_up += 1
                    self.error_log.warning(
                        "%s from %s was given up: its greenlet was killed",
                        exchange.shown(),
                        shown_peer(peer),
                    )
                raise
            except BaseException as error:
                if self.may_exit and isinstance(error, KeyboardInterrupt | SystemExit):
                    connection.reset()
                    raise
                self._failed(exchange, peer, error)
            finally:
                if access is not None:
                    access.add(exchange)
            if plain:
                continue
            if connection.state == HANDED_OVER:
                if connection.relay is not None:
                    connection.relay.drain(self.limits.write_timeout)
                return
            if exchange.body is not NO_BODY and not exchange.body.discard():
                connection.linger()
                return
            if not exchange.reusable or connection.last:
                # Bytes that the client has sent in the meantime must not turn the close into a reset.
                connection.linger()
                return

    def _refuse(self, connection: Connection, peer: Any, error: RequestError, refusal: Refusal) -> None:
        """Answer a request that is refused; neither the answer nor the error log contains any of its bytes."""
        self._reject(error.status)
        self._refusals.warn("a request", shown_peer(peer), error)
        body = error.status.encode() + b"\n"
        try:
            connection.send(
                b"HTTP/1.1 %b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
                % (error.status.encode(), len(body), body)
            )
            refusal.sent = len(body)
        finally:
            if self._access is not None:
                self._access.add_refusal(refusal)
        connection.linger()

    def _failed(self, exchange: Exchange, peer: Any, error: BaseException) -> None:
        """Report an exception of the application, and answer the request if nothing has been sent."""
        if exchange.connection.state == HANDED_OVER and isinstance(error, StopIteration | ConnectionError):
            # WebSocket libraries raise StopIteration so that gunicorn or werkzeug sends no answer. A ConnectionError
            # means that the client has left.
            self.error_log.debug(
                "%s from %s ended its connection: %r", exchange.shown(), shown_peer(peer), error
            )
            return
        body = exchange.body
        if isinstance(error, OSError) and body is not NO_BODY and error is body.error:
            # The client caused this error, and the application let it propagate.
            status = BAD_REQUEST
            if isinstance(error, RequestError):
                status = error.status
                self._refusals.warn(exchange.shown(), shown_peer(peer), error)
            else:
                self.error_log.info("%s from %s was given up: %s", exchange.shown(), shown_peer(peer), error)
            exchange.fail(status)
            return
        if isinstance(error, OSError) and error is exchange.connection.error:
            raise error
        self.error_log.error("%s from %s failed", exchange.shown(), shown_peer(peer), exc_info=error)
        if self.on_error is not None:
            try:
                self.on_error(exchange.environ, error)
            except GreenletExit:
                raise
            except BaseException as failure:
                if self.may_exit and isinstance(failure, KeyboardInterrupt | SystemExit):
                    raise
                self.error_log.exception("on_error raised an exception")
        exchange.fail("500 Internal Server Error")


def _parts_of(names: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Return the exchange, the connection and the peer among the local variables of `WSGIServer._converse`."""
    return names.get("exchange"), names.get("connection"), names.get("peer")


# For dumps. Each entry has the method that a handler's greenlet runs, the code of the frame that answers a
# connection, and a function that finds the exchange, the connection and the peer in that frame's local variables.
HANDLERS: list[tuple[Any, CodeType, Callable[[Mapping[str, Any]], tuple[Any, Any, Any]]]] = [
    (WSGIServer._run_handler, WSGIServer._converse.__code__, _parts_of)
]


def shown_peer(address: Any) -> str:
    """Return the address and port of a connection's peer for logs."""
    if not isinstance(address, tuple):
        return "a Unix socket"
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"
