"""eventlet.wsgi: eventlet's WSGI server, over greenrt's HTTP engine.

The engine receives, checks and frames, as in `greenrt.serve.WSGIServer`; requests that servers and proxies may
understand differently are refused. This module has eventlet's arguments, environ, log and life.
"""

import errno
import os
import ssl
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator

from greenlet import GreenletExit

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.serve.http.connection import Connection
from greenrt.serve.http.connection_state import HANDED_OVER
from greenrt.serve.http.exchange import Exchange, FileWrapper
from greenrt.serve.http.limits import Limits
from greenrt.serve.http.protocol import RequestError
from greenrt.serve.http.request import read_request
from greenrt.serve.http.request_body import NO_BODY
from greenrt.serve.http.request_head import HeadParser

from . import greenio
from ._wsgi_input import ChunkReadError, Input, capitalized
from .corolocal import local
from .green import BaseHTTPServer
from .greenpool import GreenPool
from .timeout import Timeout

__all__ = ["BaseHTTPServer", "ChunkReadError", "Input", "format_date_time", "server"]

DEFAULT_MAX_SIMULTANEOUS_REQUESTS = 1024
DEFAULT_MAX_HTTP_VERSION = "HTTP/1.1"
MAX_REQUEST_LINE = 8192
# Programs change these two before they call `server`.
MAX_HEADER_LINE = 8192
MAX_TOTAL_HEADER_SIZE = 65536
MINIMUM_CHUNK_SIZE = 4096
DEFAULT_LOG_FORMAT = (
    '%(client_ip)s - - [%(date_time)s] "%(request_line)s" %(status_code)s %(body_length)s %(wall_seconds).6f'
)

# What subclasses of HttpProtocol use: the errors of a connection that this side, or the client, has closed.
BAD_SOCK = {errno.EBADF}
BROKEN_SOCK = {errno.EPIPE, errno.ECONNRESET, errno.ESHUTDOWN}

# Whether servers accept connections. A program sets it to False to let its servers end after the next connection.
is_accepting = True

# The states of a connection in the lists that programs pass to `Server.process_request`.
STATE_IDLE = "idle"
STATE_REQUEST = "request"
STATE_CLOSE = "close"

# An application that has sent its response by the socket itself sets `already_handled`.
WSGI_LOCAL = local()

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()


def format_date_time(timestamp: float) -> str:
    """Return a time for an HTTP header: ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(timestamp)
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"


def addr_to_host_port(addr: Any) -> tuple[Any, Any]:
    """Return the host and the port of a socket's address; those of a Unix socket are ``("unix", "")``."""
    return addr[:2] if isinstance(addr, tuple) and addr else ("unix", "")


class LoggerFileWrapper:
    """A log over an object with a method `write`. Arguments: `log`, and `debug`, whether debug lines are written."""

    def __init__(self, log: Any, debug: bool) -> None:
        self.log = log
        self._debug = debug

    def info(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Write a line; `args` are put into `msg` by ``%``."""
        self.write(msg, *args)

    error = info

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Write a line if debug lines are written."""
        if self._debug:
            self.write(msg, *args)

    def write(self, msg: str, *args: Any) -> None:
        """Write a line."""
        self.log.write((msg % args if args else msg).rstrip("\n") + "\n")


class LoggerNull(LoggerFileWrapper):
    """A log that drops all lines."""

    def __init__(self) -> None:
        super().__init__(None, False)

    def write(self, msg: str, *args: Any) -> None:
        """Drop a line."""


def get_logger(log: Any, debug: bool) -> Any:
    """Return a log with `info`, `error` and `debug`: a logger itself, or a wrapper of a stream (None: stderr)."""
    if callable(getattr(log, "info", None)) and callable(getattr(log, "debug", None)):
        return log
    return LoggerFileWrapper(log or sys.stderr, debug)


class HttpProtocol:
    """The default of the argument `protocol`. greenrt's HTTP engine has no class for each connection.

    A subclass may set `minimum_chunk_size` and `capitalize_response_headers`; its methods are not called.
    """

    minimum_chunk_size = MINIMUM_CHUNK_SIZE
    capitalize_response_headers = True


class Server:
    """What the connections of one `server` share. The attributes are the arguments.

    Arguments:
    socket: the listening socket, also one of `wrap_ssl`; `address`, its address; `app`, the application.
    log: a logger, or an object with a method `write`; None: stderr.
    environ: keys and values for each request's environ.
    max_http_version: "HTTP/1.0" lets the server speak only that.
    protocol: HttpProtocol or a subclass; only its two attributes count.
    minimum_chunk_size: the bytes to which small parts of a response are joined (default 4096). 0: each part is sent
    at once. ``environ["eventlet.minimum_write_chunk_size"]`` is that of one request.
    log_x_forwarded_for: whether the log shows X-Forwarded-For before the client's address.
    keepalive: False for one request in each connection; a number of seconds to wait for the next one.
    log_output: whether requests are logged, and log_format, the template of a line.
    url_length_limit: the longest request line; a longer one is answered with 414.
    debug: whether a failure of the application is shown to the client, and connections are logged.
    socket_timeout: the seconds that a client may send or read nothing. None: the defaults of `greenrt.serve.Limits`.
    capitalize_response_headers: whether names of headers are sent as Content-Type.
    """

    def __init__(
        self,
        socket: Any,
        address: Any,
        app: Any,
        log: Any = None,
        environ: dict[str, Any] | None = None,
        max_http_version: str | None = None,
        protocol: Any = HttpProtocol,
        minimum_chunk_size: int | None = None,
        log_x_forwarded_for: bool = True,
        keepalive: Any = True,
        log_output: bool = True,
        log_format: str = DEFAULT_LOG_FORMAT,
        url_length_limit: int = MAX_REQUEST_LINE,
        debug: bool = True,
        socket_timeout: float | None = None,
        capitalize_response_headers: bool = True,
    ) -> None:
        self.socket = socket
        self.address = address
        self.app = app
        self.environ: dict[str, Any] = dict(environ or {})
        self.pid: int = os.getpid()
        self.max_http_version: str = max_http_version or DEFAULT_MAX_HTTP_VERSION
        self.minimum_chunk_size: int = (
            minimum_chunk_size if minimum_chunk_size is not None else protocol.minimum_chunk_size
        )
        self.log_x_forwarded_for = log_x_forwarded_for
        self.keepalive = keepalive
        self.log_output = log_output
        self.log_format = log_format
        self.url_length_limit = url_length_limit
        self.debug = debug
        self.socket_timeout = socket_timeout
        self.capitalize_response_headers = (
            capitalize_response_headers and protocol.capitalize_response_headers
        )
        self.log: Any = get_logger(log, debug) if log_output else LoggerNull()
        self.limits: Limits = _limits(url_length_limit, keepalive, socket_timeout)
        # The engine's count of answers by status.
        self.answered: list[int] = [0] * 1000
        self.connections: dict[Any, _Conversation] = {}

    def get_environ(self) -> dict[str, Any]:
        """Return the keys and values that the environs of all requests have."""
        secure = hasattr(self.socket, "do_handshake")
        host, port = addr_to_host_port(self.address)
        environ = {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SCRIPT_NAME": "",
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "wsgi.errors": sys.stderr,
            "wsgi.version": (1, 0),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.url_scheme": "https" if secure else "http",
            "wsgi.file_wrapper": FileWrapper,
            "wsgi.input_terminated": True,
        }
        if secure:
            environ["HTTPS"] = "on"
        environ.update(self.environ)
        return environ

    def process_request(self, conn_state: Any) -> None:
        """Answer the requests of one connection; `conn_state` begins with its address and its socket."""
        conversation = _Conversation(self, conn_state[1], conn_state[0])
        self.connections[id(conversation)] = conversation
        try:
            conversation.run()
        finally:
            del self.connections[id(conversation)]


class _Conversation:
    """The requests and responses of one connection."""

    def __init__(self, server: Server, sock: Any, address: Any) -> None:
        self.server = server
        self.address = address
        self.connection = Connection(sock, server.limits, server.answered)
        self.connection.last = not server.keepalive
        # Whether the last response was sent, and the client has not closed the connection.
        self.lingers = False
        # Whether a WebSocket that waits for a message may be closed when the server ends.
        self.idle = False

    def run(self) -> None:
        """Answer requests until the connection must be closed."""
        connection = self.connection
        try:
            self._converse(HeadParser(self._base_environ()))
        except OSError as error:
            # The client has left or reads nothing, so it can't be answered.
            connection.reset()
            self.server.log.debug(f"({self.server.pid}) the connection from {self.address!r} broke: {error}")
        finally:
            if connection.relay is not None:
                connection.relay.close()
            connection.sock.close()

    def finish(self) -> None:
        """Make the next response the last one; without a request in flight, close the connection."""
        self.connection.finish()
        if self.lingers or (self.connection.state == HANDED_OVER and self.idle):
            greenio.shutdown_safe(self.connection.sock)

    def _base_environ(self) -> dict[str, Any]:
        host, port = addr_to_host_port(self.address)
        return {**self.server.get_environ(), "REMOTE_ADDR": host, "REMOTE_PORT": str(port)}

    def _converse(self, heads: HeadParser) -> None:
        connection = self.connection
        while True:
            try:
                exchange = read_request(connection, heads)
            except RequestError as error:
                self._refuse(error)
                return
            if exchange is None:
                return
            if self.server.max_http_version == "HTTP/1.0":
                exchange.modern = exchange.reusable = False
            self._answer(exchange)
            if connection.state == HANDED_OVER:
                if connection.relay is not None:
                    connection.relay.drain(self.server.limits.write_timeout)
                return
            body = exchange.body
            if (body is not NO_BODY and not body.discard()) or not exchange.reusable or connection.last:
                self.lingers = True
                connection.linger()
                return

    def _refuse(self, error: RequestError) -> None:
        """Answer a request that the engine refuses."""
        self.server.log.debug(f"({self.server.pid}) a request from {self.address!r} was refused: {error}")
        status = error.status.encode()
        self.connection.send(
            b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b\n"
            % (status, len(status) + 1, status)
        )
        self.connection.linger()

    def _answer(self, exchange: Exchange) -> None:
        environ = exchange.environ
        began = time.time()
        taken = environ["wsgi.input"]
        environ["wsgi.input"] = environ["eventlet.input"] = Input(
            self.connection, exchange.body, taken, environ
        )
        environ["eventlet.posthooks"] = []
        environ["eventlet.set_idle"] = self._set_idle
        environ["RAW_PATH_INFO"] = exchange.target.partition("?")[0]
        environ["headers_raw"] = _raw_headers(environ)
        WSGI_LOCAL.already_handled = False
        response = _Response(self.server, exchange)
        try:
            response.run()
        except GreenletExit:
            self.connection.reset()
            raise
        finally:
            for hook, args, kwargs in environ["eventlet.posthooks"]:
                hook(environ, *args, **kwargs)
            if self.server.log_output:
                self._log(exchange, began)

    def _set_idle(self) -> None:
        self.idle = True

    def _log(self, exchange: Exchange, began: float) -> None:
        server = self.server
        host, port = addr_to_host_port(self.address)
        if server.log_x_forwarded_for:
            forwarded = exchange.environ.get("HTTP_X_FORWARDED_FOR", "").replace(" ", "")
            if forwarded:
                host = f"{forwarded},{host}"
        now = time.localtime()
        head = exchange.head
        version = "HTTP/1.1" if exchange.modern else "HTTP/1.0"
        server.log.info(
            server.log_format
            % {
                "client_ip": host,
                "client_port": port,
                "date_time": f"{now[2]:02}/{_MONTHS[now[1] - 1]}/{now[0]:04} {now[3]:02}:{now[4]:02}:{now[5]:02}",
                "request_line": f"{exchange.method} {exchange.target} {version}",
                "status_code": head.code if head is not None else 0,
                "body_length": exchange.sent,
                "wall_seconds": time.time() - began,
            }
        )


class _Response:
    """Runs the application for one exchange, with what eventlet changes in responses."""

    def __init__(self, server: Server, exchange: Exchange) -> None:
        self._server = server
        self._exchange = exchange

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], None]:
        """See PEP 3333."""
        if self._server.capitalize_response_headers:
            headers = [(capitalized(name), value) for name, value in headers]
        # Eventlet sends other values than texts as their str.
        headers = [(name, value if isinstance(value, str) else str(value)) for name, value in headers]
        return self._exchange.start_response(status, headers, exc_info)

    def run(self) -> None:
        """Call the application and send its response; a failure is logged and answered with 500."""
        exchange = self._exchange
        result = None
        try:
            try:
                result = self._server.app(exchange.environ, self.start_response)
                if WSGI_LOCAL.already_handled:
                    exchange.reusable = False
                else:
                    exchange.respond(self._prepared(result))
            finally:
                close = getattr(result, "close", None)
                if close is not None:
                    close()
        except (Exception, Timeout) as error:
            if isinstance(error, OSError) and error is exchange.connection.error:
                # The client has left.
                raise
            self._fail(error)

    def _prepared(self, result: Any) -> Any:
        """Return the parts of the body: texts as bytes, and small parts joined if the program asks for that."""
        minimum = self._exchange.environ.get(
            "eventlet.minimum_write_chunk_size", self._server.minimum_chunk_size
        )
        if type(result) in (list, tuple):
            return [part.encode("ascii") if isinstance(part, str) else part for part in result]
        if isinstance(result, FileWrapper):
            return result
        return _joined(result, int(minimum or 0))

    def _fail(self, error: BaseException) -> None:
        exchange = self._exchange
        text = "".join(traceback.format_exception(error))
        self._server.log.info(text)
        cause = error.__cause__ if isinstance(error, ChunkReadError) else error
        if isinstance(cause, RequestError) and not exchange.started:
            # The client's fault: the body can't be read.
            exchange.fail(cause.status)
            return
        exchange.reusable = False
        if exchange.started or exchange.connection.state == HANDED_OVER:
            exchange.fail("500 Internal Server Error")
            return
        body = text.encode() if self._server.debug else b""
        exchange.head = None
        exchange.start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
        exchange.respond([body])


def _joined(parts: Any, minimum: int) -> Iterator[bytes]:
    """Yield the parts of a body, as bytes; join parts until they have `minimum` bytes."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        data = part.encode("ascii") if isinstance(part, str) else part
        if not minimum:
            yield data
            continue
        held.append(data)
        size += len(data)
        if size >= minimum:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _raw_headers(environ: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the header fields of a request. Their names have eventlet's spelling of response headers."""
    names = {"CONTENT_TYPE": "Content-Type", "CONTENT_LENGTH": "Content-Length"}
    names.update({key: capitalized(key[5:].replace("_", "-")) for key in environ if key.startswith("HTTP_")})
    return tuple((name, environ[key]) for key, name in names.items() if key in environ)


def _limits(url_length_limit: int, keepalive: Any, socket_timeout: float | None) -> Limits:
    """Return the limits of the engine for the arguments of `server`."""
    found: dict[str, Any] = {
        "request_line": max(url_length_limit, 1),
        "field": MAX_HEADER_LINE,
        "head": max(MAX_TOTAL_HEADER_SIZE, url_length_limit),
        "body": None,
    }
    if socket_timeout:
        found.update(
            dict.fromkeys(("idle_timeout", "head_timeout", "body_timeout", "write_timeout"), socket_timeout)
        )
    if keepalive and not isinstance(keepalive, bool):
        found["idle_timeout"] = float(keepalive)
    return Limits(**found)


def server(
    sock: Any,
    site: Callable[..., Any],
    log: Any = None,
    environ: dict[str, Any] | None = None,
    max_size: int | None = None,
    max_http_version: str = DEFAULT_MAX_HTTP_VERSION,
    protocol: Any = HttpProtocol,
    server_event: Any = None,
    minimum_chunk_size: int | None = None,
    log_x_forwarded_for: bool = True,
    custom_pool: Any = None,
    keepalive: Any = True,
    log_output: bool = True,
    log_format: str = DEFAULT_LOG_FORMAT,
    url_length_limit: int = MAX_REQUEST_LINE,
    debug: bool = True,
    socket_timeout: float | None = None,
    capitalize_response_headers: bool = True,
) -> None:
    """Serve a WSGI application on a listening socket. Returns when the socket is closed, or by a kill.

    At the end it waits for requests in flight, and closes the socket. `max_size` is the most connections at once;
    `custom_pool`, a GreenPool, replaces it. `server_event` gets the Server. See `Server` for the other arguments.
    """
    served = Server(
        sock,
        sock.getsockname(),
        site,
        log,
        environ,
        max_http_version,
        protocol,
        minimum_chunk_size,
        log_x_forwarded_for,
        keepalive,
        log_output,
        log_format,
        url_length_limit,
        debug,
        socket_timeout,
        capitalize_response_headers,
    )
    if server_event is not None:
        warnings.warn("the argument server_event is deprecated", DeprecationWarning, stacklevel=2)
        server_event.send(served)
    pool = (
        custom_pool if custom_pool is not None else GreenPool(max_size or DEFAULT_MAX_SIMULTANEOUS_REQUESTS)
    )
    _check_pool(pool)
    try:
        served.log.info(f"({served.pid}) wsgi starting up on {socket_repr(sock)}")
        _accept(served, sock, pool)
    finally:
        for conversation in list(served.connections.values()):
            conversation.finish()
        pool.waitall()
        served.log.info(f"({served.pid}) wsgi exited, is_accepting={is_accepting}")
        sock.close()


def _check_pool(pool: Any) -> None:
    if not (hasattr(pool, "spawn") and hasattr(pool, "waitall")):
        raise AttributeError(
            f"custom_pool must have the methods spawn and waitall, as a GreenPool; not {pool!r}"
        )


def _accept(served: Server, sock: Any, pool: Any) -> None:
    """Accept connections until the socket is closed."""
    while is_accepting:
        try:
            connection, address = sock.accept()
        except (KeyboardInterrupt, SystemExit):
            served.log.info("wsgi exiting")
            return
        except (ConnectionError, ssl.SSLError) as error:
            # A client that left, or whose TLS handshake failed.
            served.log.debug(f"({served.pid}) a client was not accepted: {error}")
            continue
        except OSError as error:
            if sock.fileno() < 0 or error.errno == errno.EBADF:
                # The socket was closed.
                return
            raise
        served.log.debug(f"({served.pid}) accepted {address!r}")
        pool.spawn(served.process_request, [address, connection, STATE_IDLE])


def socket_repr(sock: Any) -> str:
    """Return the URL of a listening socket."""
    scheme = "https" if hasattr(sock, "do_handshake") else "http"
    name = sock.getsockname()
    if not isinstance(name, tuple):
        return f"{scheme}:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{scheme}://{host}:{name[1]}"


__getattr__: Callable[[str], Any] = missing_names(
    __name__, {"ALREADY_HANDLED": "set wsgi.WSGI_LOCAL.already_handled and return an empty list"}
)
