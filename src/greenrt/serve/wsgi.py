"""WSGIServer: HTTP/1.1 for WSGI applications (PEP 3333)."""

from collections.abc import Callable

from greenrt._hub.sleep import sleep
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.errors import GreenletExit
from greenrt.green import socket
from greenrt.serve.checks import check_callable
from greenrt.serve.http.access_log import AccessLog, ErrorStream, Refusal, RefusalLog
from greenrt.serve.http.connection import FIRST_TIME, LAST_TIME, Wire
from greenrt.serve.http.exchange import Exchange, FileWrapper
from greenrt.serve.http.limits import Limits
from greenrt.serve.http.protocol import BAD_REQUEST, RequestError
from greenrt.serve.http.request import read_request
from greenrt.serve.http.request_body import NO_BODY
from greenrt.serve.http.request_head import Heads
from greenrt.serve.log_outputs import ErrorLog, line_writer
from greenrt.serve.stream import StreamServer

__all__ = ["WSGIServer"]

# What the kernel takes of a response before the client has taken in what came before it; bytes. More is no faster,
# also for 1 MB, and thousands of slow readers would keep the server busy with filling the kernel's memory.
UNSENT = 65_536
# Settings of a StreamServer's that follow from the limits here.
SETTLED = {
    "max_per_peer": "limits=Limits(connections_per_peer=...)",
    "idle_timeout": "limits=Limits(idle_time=...)",
    "handshake_timeout": "limits=Limits(head_time=...)",
}


class WSGIServer(StreamServer):
    """Serves a WSGI application over HTTP/1.1 and 1.0; a greenlet for each connection. See `StreamServer`.

    `limits`: what a client may cost; on by default, see `Limits`. `log`: where the access log in the common format
    goes: None (nowhere), a text stream, a logger (each line at INFO), a callable that takes a str of whole lines, or
    ``"default"`` (stderr). `error_log`: a logger or a text stream; None and ``"default"``: the logger
    ``greenrt.serve``. A log that can't be written loses its lines and nothing else. `on_error`: called with the
    environ and the exception when the application fails. `environ`: what each request's environ has besides.

    What the application raises is logged and, if nothing has been sent, answered with 500; a response cut short ends
    with a reset. SystemExit ends the program unless `may_exit` is False.

    Strict where servers and proxies may understand a request differently (RFC 9112): it is answered with 400 and the
    connection closed. Header fields with an underscore in their name, and ``Proxy``, are dropped. A refused
    request has its line in the access log, and a warning with the address of its client in the error log, where a
    minute has at most ten of them and then their count.

    The environ has, besides what PEP 3333 asks for, ``REQUEST_URI`` (the target as it came), ``REMOTE_ADDR`` and
    ``REMOTE_PORT``, ``wsgi.input_terminated``, and for a request that asks for another protocol ``greenrt.upgrade``:
    call it to get ``(socket, bytes)``, the connection and what came after the request. The call first reads and drops
    what is left of the request's body. Nothing more is sent then, and the socket is closed when the application
    returns. Such a request also has ``gunicorn.socket`` and ``werkzeug.socket``, a `ConnectionSocket`, in which
    libraries for WebSockets find the connection.
    """

    stop_timeout = 30.0
    # Whether SystemExit and KeyboardInterrupt, raised while the application runs, end the program: they may come from
    # a signal's handler. False where no handler raises: then they are failures of the application like any other.
    may_exit: bool = True
    # Arguments of the constructor that a subclass may define, as attributes or, where they are called, as methods.
    application: Any = None
    limits: Any = None
    error_log: Any = None
    on_error: Any = None

    _settled = SETTLED

    def __init__(
        self,
        listener: Any,
        application: Callable[..., Any] | None = None,
        backlog: int | None = None,
        spawn: Any = "default",
        *,
        limits: Limits | None = None,
        log: Any = None,
        error_log: Any = None,
        on_error: Callable[[dict[str, Any], BaseException], Any] | None = None,
        environ: dict[str, Any] | None = None,
        ssl_context: Any = None,
        certfile: Any = None,
        keyfile: Any = None,
        reuse_port: bool | None = None,
        **unknown: Any,
    ) -> None:
        for name in unknown:
            instead = f"; use {self._settled[name]}" if name in self._settled else ""
            raise TypeError(f"{type(self).__name__} has no argument {name!r}{instead}")
        if limits is not None:
            self.limits = limits
        elif self.limits is None:
            self.limits = Limits()
        if application is not None:
            self.application = application
        if on_error is not None:
            self.on_error = on_error
        self._check_own(environ)
        if spawn == "default" and self.limits.connections is not None:
            spawn = self.limits.connections
        # Before they are checked: these are the limits' own.
        self.handshake_timeout = self.limits.head_time
        self.max_per_peer = self.limits.connections_per_peer
        super().__init__(
            listener,
            None,
            backlog,
            spawn,
            ssl_context=ssl_context,
            certfile=certfile,
            keyfile=keyfile,
            reuse_port=reuse_port,
        )
        self.error_log = ErrorLog(self.error_log if error_log is None else error_log)
        self._refusals = RefusalLog(self.error_log)
        self._access: AccessLog | None = None
        write = line_writer(log)
        if write is not None:
            self._access = AccessLog(write)
        self._environ = dict(environ or {})
        self._wires: set[Wire] = set()
        # Requests that were not answered to the end because `stop`, or other code, killed their greenlets.
        self.given_up = 0

    def _check_own(self, environ: Any) -> None:
        if not isinstance(self.limits, Limits):
            raise TypeError(f"limits must be a greenrt.serve.Limits or None, not {self.limits!r}")
        check_callable("application", self.application)
        check_callable("on_error", self.on_error)
        if environ is not None and (
            not isinstance(environ, dict) or not all(isinstance(key, str) for key in environ)
        ):
            raise TypeError(f"environ must be a dict whose keys are str, or None, not {environ!r}")

    # -- Life

    def start(self) -> None:
        """See `BaseServer.start`. TypeError without an application."""
        if self.application is None:
            raise TypeError(f"{self!r} has no application to serve; give it one")
        super().start()
        if self.family != socket.AF_UNIX:
            # Accepted sockets have it from the listener.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Else the kernel holds megabytes for each client that is slow to read.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)

    def stop(self, timeout: float | None = None) -> None:
        """See `BaseServer.stop`."""
        try:
            super().stop(timeout)
        finally:
            self._refusals.report(True)

    def _wind_down(self) -> None:
        # Each connection gets one more answer.
        for wire in self._wires:
            wire.last = True
        self._own.spawn(self._part)

    def _part(self) -> None:
        """Close the connections without a request, after the time that one may have been on its way."""
        began = monotonic()
        # Those that were just taken in have not begun yet.
        sleep(0)
        self._part_with(False, began + LAST_TIME)
        self._part_with(True, began + FIRST_TIME)

    def _part_with(self, new: bool, end: float) -> None:
        while monotonic() < end and any(wire.idle and wire.new is new for wire in self._wires):
            sleep(0.01)
        for wire in list(self._wires):
            if wire.new is new:
                wire.finish()

    # -- Connections

    @property
    def connections(self) -> int:
        """How many connections there are, with those that wait for a request."""
        return len(self._wires)

    def handle(self, sock: Any, peer: Any) -> None:
        """Answer the requests of one connection."""
        wire = Wire(sock, self.limits)
        self._wires.add(wire)
        if not self.started:
            # Taken in at the last moment.
            wire.last = True
        try:
            self._converse(wire, self._base_environ(wire, peer), peer)
        except OSError as error:
            # The client is gone, or takes nothing in: no client is left to answer.
            wire.reset()
            self.error_log.debug("a connection from %s broke: %s", _shown_peer(peer), error)
        finally:
            self._wires.discard(wire)
            if wire.relay is not None:
                wire.relay.close()
            self._refusals.report(False)

    def _base_environ(self, wire: Wire, peer: Any) -> dict[str, Any]:
        """Return what the environs of all requests on a connection have in common."""
        sock = wire.sock
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

    def _converse(self, wire: Wire, base: dict[str, Any], peer: Any) -> None:
        """Answer requests until the connection is to be closed."""
        application = self.application
        access = self._access
        left = self.limits.requests
        heads = Heads(base)
        while True:
            try:
                exchange = read_request(wire, heads)
            except RequestError as error:
                self._refuse(wire, peer, error, Refusal(base["REMOTE_ADDR"], error.status, heads))
                return
            if exchange is None:
                return
            if left is not None:
                left -= 1
                if left <= 0:
                    wire.last = True
            plain = False
            try:
                plain = exchange.run(application)
            except GreenletExit:
                wire.reset()
                if not wire.handed_over:
                    self.given_up += 1
                    self.error_log.warning(
                        "%s from %s was given up: its greenlet was killed",
                        exchange.shown(),
                        _shown_peer(peer),
                    )
                raise
            except BaseException as error:
                if self.may_exit and isinstance(error, KeyboardInterrupt | SystemExit):
                    wire.reset()
                    raise
                self._failed(exchange, peer, error)
            finally:
                if access is not None:
                    access.add(exchange)
            if plain:
                continue
            if wire.handed_over:
                if wire.relay is not None:
                    wire.relay.drain(self.limits.write_time)
                return
            if exchange.body is not NO_BODY and not exchange.body.discard():
                wire.linger()
                return
            if not exchange.reusable or wire.last:
                # What the client has sent in the meantime must not make the close a reset.
                wire.linger()
                return

    def _refuse(self, wire: Wire, peer: Any, error: RequestError, refusal: Refusal) -> None:
        """Answer a request that is not served; nothing of it goes into the answer or the error log."""
        self._refusals.warn("a request", _shown_peer(peer), error)
        body = error.status.encode() + b"\n"
        try:
            wire.send(
                b"HTTP/1.1 %b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
                % (error.status.encode(), len(body), body)
            )
            refusal.sent = len(body)
        finally:
            if self._access is not None:
                self._access.add_refusal(refusal)
        wire.linger()

    def _failed(self, exchange: Exchange, peer: Any, error: BaseException) -> None:
        """Report what the application raised, and answer for it if nothing has been answered."""
        if exchange.wire.handed_over and isinstance(error, StopIteration | ConnectionError):
            # Libraries for WebSockets say so that gunicorn or werkzeug must not answer; or the client is gone.
            self.error_log.debug(
                "%s from %s ended its connection: %r", exchange.shown(), _shown_peer(peer), error
            )
            return
        body = exchange.body
        if isinstance(error, OSError) and body is not NO_BODY and error is body.error:
            # The client's fault, of which the application knew no better than to pass it on.
            status = BAD_REQUEST
            if isinstance(error, RequestError):
                status = error.status
                self._refusals.warn(exchange.shown(), _shown_peer(peer), error)
            else:
                self.error_log.info("%s from %s was given up: %s", exchange.shown(), _shown_peer(peer), error)
            exchange.fail(status)
            return
        if isinstance(error, OSError) and error is exchange.wire.error:
            raise error
        self.error_log.error("%s from %s failed", exchange.shown(), _shown_peer(peer), exc_info=error)
        if self.on_error is not None:
            try:
                self.on_error(exchange.environ, error)
            except GreenletExit:
                raise
            except BaseException as failure:
                if self.may_exit and isinstance(failure, KeyboardInterrupt | SystemExit):
                    raise
                self.error_log.exception("on_error failed")
        exchange.fail("500 Internal Server Error")


def _shown_peer(address: Any) -> str:
    """Return what logs call the other side of a connection: its address and port."""
    if not isinstance(address, tuple):
        return "a Unix socket"
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"
