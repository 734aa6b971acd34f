"""gevent's WSGIHandler: its attributes and hooks around an exchange of greenrt's HTTP engine.

The engine receives and checks requests, and checks, frames and sends responses. The handler calls the hooks in the
order of gevent 26.9, so that a subclass may override them.
"""

import errno
import io
import traceback
from collections.abc import Callable
from datetime import datetime
from time import time

from greenrt._hub.current_hub import get_hub
from greenrt._typing import Any
from greenrt.errors import GreenletExit
from greenrt.serve.http.connection import Connection
from greenrt.serve.http.connection_state import HANDED_OVER
from greenrt.serve.http.exchange import Exchange, FileWrapper
from greenrt.serve.http.protocol import RequestError
from greenrt.serve.http.request import read_request
from greenrt.serve.http.request_body import NO_BODY

from ._wsgi_head import Heads, refuse_as_gevent
from ._wsgi_input import ConnectionReader, Fields, fields_of

__all__ = ["WSGIHandler"]

# The statuses for which gevent refuses a body before anything is sent.
BODILESS = (204, 304)
INTERNAL_ERROR = "Internal Server Error"
# The hooks through which a subclass may see or change what is sent. Without them, the engine sends what an
# application returns in one piece.
SENDING = ("write", "finalize_headers")


class WSGIHandler:
    """Answer the requests of one connection. A server makes one for each connection and calls `handle`.

    - `sock`, `address`: the connection and its peer's address.
    - `server`: the WSGIServer.
    - `rfile`: a binary file to read from instead of the connection; for the attribute `rfile` only.

    Attributes during a request: `environ`, `application`, `command`, `path`, `request_version`, `requestline`,
    `content_length`, `headers` (see `Fields`), `wsgi_input`, `status` (bytes), `code`, `response_headers`,
    `headers_sent`, `response_length` (the bytes of the body that were sent), `result`, `close_connection`,
    `time_start` and `time_finish`. `socket` is the connection, and `rfile` reads the bytes after the request.

    A subclass may override each method whose name has no underscore.
    """

    protocol_version: str = "HTTP/1.1"
    ApplicationError: type[BaseException] = AssertionError
    # Errors of sends that mean that the client has left. They are not reported.
    ignored_socket_errors: tuple[int, ...] = (errno.EPIPE, errno.ECONNRESET)
    _print_unexpected_exc = staticmethod(traceback.print_exc)
    # Whether the class overrides none of the hooks in SENDING.
    _plain = True

    status: Any = None
    code: int | None = None
    provided_date: str | None = None
    provided_content_length: str | None = None
    close_connection: bool = False
    time_start: float = 0
    time_finish: float = 0
    connection_upgraded: bool = False
    environ: Any = None
    application: Any = None
    requestline: Any = None
    response_length: int = 0
    result: Any = None
    wsgi_input: Any = None
    content_length: int | None = 0
    request_version: Any = None
    command: Any = None
    path: Any = None
    _orig_status: str | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._plain = all(getattr(cls, name) is getattr(WSGIHandler, name) for name in SENDING)

    def __init__(self, sock: Any, address: Any, server: Any, rfile: Any = None) -> None:
        self.socket: Any = sock
        self.client_address: Any = address
        self.server: Any = server
        self._connection = Connection(sock, server.limits, server._answered)
        # How many requests the connection has carried.
        self._requests = 0
        self._reader: ConnectionReader | None = None
        self._rfile = rfile
        self._heads: Heads | None = None
        self._exchange: Exchange | None = None
        # Whether the last call of `start_response` was refused.
        self._refused = False
        # Whether the client has sent some of the body with the head.
        self._early_body = False
        # The environ of the request, as the engine has made it.
        self._parsed: dict[str, Any] = {}
        self._fields: Fields | None = None
        self._given_headers: Any = None
        self._response_headers: Any = None

    # -- What the engine has, under gevent's names

    @property
    def rfile(self) -> Any:
        """Return a binary file that reads from the connection, after the request that was read last."""
        if self._rfile is None:
            self._reader = ConnectionReader(self._connection)
            self._rfile = io.BufferedReader(self._reader)
        return self._rfile

    @rfile.setter
    def rfile(self, file: Any) -> None:
        self._rfile = file

    @property
    def headers(self) -> Fields:
        """Return the header fields of the request; see `Fields`."""
        if self._fields is None:
            self._fields = fields_of(self._parsed)
        return self._fields

    @headers.setter
    def headers(self, fields: Any) -> None:
        self._fields = fields

    @property
    def response_headers(self) -> Any:
        """Return the headers of the response as pairs of bytes, or None; a hook may change them."""
        if self._response_headers is None and self._given_headers is not None:
            self._response_headers = [
                (name.encode("latin-1"), value.encode("latin-1")) for name, value in self._given_headers
            ]
        return self._response_headers

    @response_headers.setter
    def response_headers(self, headers: Any) -> None:
        self._response_headers = headers

    @property
    def headers_sent(self) -> bool:
        """Return whether the head of the response has been sent."""
        return self._exchange is not None and self._exchange.started

    @headers_sent.setter
    def headers_sent(self, sent: bool) -> None:
        """Set to True by a program that has sent the head itself, with `socket`: the engine then sends none."""
        if sent and self._exchange is not None and not self._exchange.started:
            self._exchange.started = True
            self._exchange.reusable = False

    @property
    def response_use_chunked(self) -> bool:
        """Return whether the response is sent in chunks."""
        return self._exchange is not None and self._exchange.chunked

    @response_use_chunked.setter
    def response_use_chunked(self, chunked: bool) -> None:
        """Do nothing: the engine frames the body by the status, the headers and the client's version."""

    # -- The connection

    def handle(self) -> None:
        """Answer requests until the connection ends; the server calls this once."""
        connection = self._connection
        self.server._enter(connection)
        try:
            while self.socket is not None:
                self.time_start = time()
                self.time_finish = 0
                result = self.handle_one_request()
                if result is None:
                    break
                if result is True:
                    continue
                self._answer_refused(*result)
                break
        except OSError as error:
            if error is not connection.error and not isinstance(error, ConnectionError):
                raise
            connection.reset()
        finally:
            self.server._leave(connection)
            if connection.relay is not None:
                connection.relay.close()
            self.socket = self._rfile = self._reader = self.wsgi_input = None

    def _answer_refused(self, status: str, response: bytes) -> None:
        """Send the response of a refused request, which `handle_one_request` has returned."""
        self.status = status
        try:
            self._connection.send(response)
        finally:
            self.time_finish = self.time_finish or time()
            if self._exchange is None:
                self._note_refused()
            self.log_request()
        self._connection.linger()

    def _note_refused(self) -> None:
        """Set the attributes for the access log to what is known: the client, and the request line if it is valid."""
        method, target = ("", "") if self._heads is None else (self._heads.method, self._heads.target)
        self.command, self.path, self.requestline = method, target, f"{method} {target}".strip()
        path, _, query = target.partition("?")
        self._parsed = {
            **self._base_environ(),
            "REQUEST_METHOD": method,
            "REQUEST_URI": target,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.input": NO_BODY,
        }
        self.environ = self.get_environ()

    def handle_one_request(self) -> Any:
        """Read and answer one request.

        Return True if another one can follow, None to close the connection, or the status and the bytes of the
        response to a refused request.
        """
        self._exchange = self._fields = None
        self._parsed = {}
        try:
            line = self.read_requestline()
        except RequestError as error:
            return self._handle_client_error(error)
        except OSError:
            return None
        if not line:
            return None
        self.requestline = line.decode("latin-1") if isinstance(line, bytes) else line
        self.response_length = 0
        try:
            if not self.read_request(self.requestline):
                return self._refusal("400 Bad Request")
        except Exception as error:
            return self._handle_client_error(error)
        self.environ = self.get_environ()
        self.application = self.server.application
        self.handle_one_response()
        return self._can_go_on()

    def _can_go_on(self) -> bool | None:
        """Return True if the connection can carry another request; otherwise end it and return None."""
        connection, exchange = self._connection, self._exchange
        assert exchange is not None
        if connection.state == HANDED_OVER:
            if connection.relay is not None:
                connection.relay.drain(connection.limits.write_timeout)
            return None
        dropped = exchange.body is NO_BODY or exchange.body.discard()
        read_ahead = self._reader is not None and self._reader.used
        if not dropped or read_ahead or self.close_connection or not exchange.reusable or connection.last:
            connection.linger()
            return None
        return True

    # -- The request

    def read_requestline(self) -> Any:
        """Wait for a request and return its first line; return None or "" if the client sends no more."""
        exchange = self._receive()
        if exchange is None:
            return None
        return f"{exchange.method} {exchange.target} HTTP/1.{int(exchange.modern)}\r\n"

    def _receive(self) -> Exchange | None:
        if self._heads is None:
            self._heads = Heads(self._base_environ())
        exchange = read_request(self._connection, self._heads)
        if exchange is not None:
            self._exchange = exchange
            self._parsed = exchange.environ
            self._early_body = bool(self._connection.buffer)
            self._requests += 1
            most = self._connection.limits.requests
            if most is not None and self._requests >= most:
                self._connection.last = True
        return exchange

    def read_request(self, raw_requestline: str) -> bool:
        """Set the attributes for the request that begins with a line; return True.

        Raise ValueError or RequestError to refuse the request.
        """
        if self._exchange is None:
            # An override of `read_requestline` has read the line from `rfile`.
            self._give_back(raw_requestline)
            if self._receive() is None:
                raise ValueError("the client has left before the end of the request head")
        exchange = self._exchange
        assert exchange is not None
        self.requestline = raw_requestline.rstrip()
        self.command = exchange.method
        self.path = exchange.target
        self.request_version = "HTTP/1.1" if exchange.modern else "HTTP/1.0"
        length = exchange.environ.get("CONTENT_LENGTH")
        self.content_length = None if length is None else int(length)
        self.close_connection = not exchange.reusable
        return True

    def _give_back(self, line: str) -> None:
        """Let the engine read a line again, and what `rfile` has buffered after it."""
        ahead = b""
        if self._reader is not None:
            self._reader.open = False
            ahead = self._rfile.read() or b""
            self._reader.open = True
            self._reader.used = False
        self._connection.buffer = line.encode("latin-1") + ahead + self._connection.rest()

    def _base_environ(self) -> dict[str, Any]:
        """Return the keys and values that the environs of all requests share."""
        environ: dict[str, Any] = dict(self.server.environ) if self.server._plain_environ() else {}
        environ["SCRIPT_NAME"] = ""
        environ["wsgi.input_terminated"] = True
        environ["wsgi.file_wrapper"] = FileWrapper
        if isinstance(self.client_address, tuple):
            environ["REMOTE_ADDR"] = str(self.client_address[0])
            environ["REMOTE_PORT"] = str(self.client_address[1])
        return environ

    def get_environ(self) -> Any:
        """Return the environ for the request: what `WSGIServer.get_environ` returns, and the request's own keys."""
        environ: Any = self._parsed
        if not self.server._plain_environ():
            environ = self.server.get_environ()
            environ.update(self._parsed)
        if "HTTP_CONNECTION" in environ or "HTTP_UPGRADE" in environ:
            self._prepare_upgrade(environ)
        self.wsgi_input = environ["wsgi.input"]
        return environ

    def _prepare_upgrade(self, environ: Any) -> None:
        """Give the application the connection where it is with gevent, if the client asks for another protocol."""
        # gevent's environ does not have these, and libraries would prefer them.
        environ.pop("gunicorn.socket", None)
        environ.pop("werkzeug.socket", None)
        asked = (
            environ.get("HTTP_CONNECTION", "").lower() == "upgrade"
            or environ.get("HTTP_UPGRADE", "").lower() == "websocket"
        )
        if asked and self._exchange is not None and self._exchange.body is NO_BODY:
            environ["wsgi.input"] = self.rfile
            environ["wsgi.input_terminated"] = False

    # -- The response

    def handle_one_response(self) -> None:
        """Run the application, report its errors, and log the request."""
        self.time_start = time()
        self.status = self.code = self._orig_status = self.result = None
        self.response_length = 0
        self.connection_upgraded = self._refused = False
        self._given_headers = self._response_headers = None
        try:
            self.run_application()
        except GreenletExit:
            self._give_up()
            raise
        except BaseException as error:
            self._failed(error)
        finally:
            self._count_sent()
            self.time_finish = time()
            self.log_request()

    def _count_sent(self) -> None:
        if self._exchange is not None:
            self.response_length = self._exchange.sent

    def _give_up(self) -> None:
        """End a request whose greenlet was killed: the client must notice that the response is incomplete."""
        self.close_connection = True
        self._connection.reset()

    def run_application(self) -> None:
        """Call the application and send what it returns; call the result's close() in any case."""
        try:
            self.result = self.application(self.environ, self.start_response)
            self.process_result()
        finally:
            result, self.result = self.result, None
            if hasattr(result, "close"):
                result.close()

    def process_result(self) -> None:
        """Send the result of the application, `result`, and the end of the response."""
        exchange = self._exchange
        assert exchange is not None
        if self._connection.state == HANDED_OVER:
            return
        if self._refused and not self.status:
            # The application has caught the error, and has nothing else to send.
            self.log_error("The application returned after start_response had refused its status or headers")
            self._send_error_response_if_possible(500)
            return
        if self._plain and self.status and self._response_headers is None and self.code not in BODILESS:
            self._note_close()
            exchange.respond(self.result)
            return
        for data in self.result:
            if data:
                self.write(data)
        if self.status and not exchange.started:
            self.write(b"")
        if self._connection.state != HANDED_OVER:
            exchange.respond(())

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], None]:
        """Set the status and the headers, and return `write`; see PEP 3333.

        A second call replaces them until the head is sent. Raise ValueError for a status or headers that can't be
        sent (see `refuse_as_gevent`), and `ApplicationError` for a Content-Length of a response without a body.
        """
        exchange = self._exchange
        assert exchange is not None
        if exc_info:
            try:
                if exchange.started:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        headers = list(headers)
        if not exchange.started:
            exchange.head = None
        try:
            exchange.start_response(status, headers)
        except (TypeError, ValueError):
            self._refused = True
            refuse_as_gevent(status, headers)
            raise
        self._refused = False
        assert exchange.head is not None
        if self._early_body and exchange.body is not NO_BODY:
            # The client did not wait for "100 Continue": what follows the head is the body, which can be dropped.
            exchange.body.expected = False
        self._given_headers = headers
        self._response_headers = None
        self._orig_status = status
        self.status = status.encode("latin-1")
        self.code = exchange.head.code
        self.provided_date = self.provided_content_length = None
        for name, value in headers:
            lower = name.lower()
            if lower == "date":
                self.provided_date = value
            elif lower == "content-length":
                self.provided_content_length = value
        if exchange.head.wants_close:
            self.close_connection = True
        if self.code in BODILESS and self.provided_content_length not in (None, "0"):
            message = (
                f"Invalid Content-Length for {self.code} response: {self.provided_content_length!r} "
                "(must be absent or zero)"
            )
            # The argument is bytes, as in gevent, so that an application can answer with it.
            raise self.ApplicationError(message.encode())
        return self.write

    def write(self, data: bytes) -> None:
        """Send a part of the body, after the head if that has not been sent."""
        exchange = self._exchange
        assert exchange is not None
        if self.code in BODILESS and data:
            raise self.ApplicationError(f"The {self.code} response must have no body")
        if not exchange.started:
            if not self.status:
                raise self.ApplicationError("The application did not call start_response()")
            self._finish_head(exchange)
        exchange.write(data or b"")
        self._count_sent()
        if self.code == 101 and self._connection.state != HANDED_OVER:
            self._upgrade()

    def _finish_head(self, exchange: Exchange) -> None:
        """Call `finalize_headers`, and take over what it or other hooks have changed."""
        self.finalize_headers()
        headers = self._given_headers
        if self._response_headers is not None:
            headers = [
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in self._response_headers
            ]
        assert exchange.head is not None
        if exchange.head.length < 0 and hasattr(self.result, "__len__") and self.code not in (101, *BODILESS):
            headers = [*headers, ("Content-Length", str(sum(map(len, self.result))))]
        if headers is not self._given_headers:
            status = self.status.decode("latin-1") if isinstance(self.status, bytes) else self.status
            exchange.head = None
            exchange.start_response(status, headers)
        self._note_close()

    def _note_close(self) -> None:
        """Let the head announce that the connection closes, if a hook has set `close_connection`."""
        if self.close_connection:
            assert self._exchange is not None
            self._exchange.reusable = False

    def finalize_headers(self) -> None:
        """Do nothing: a hook before the head is sent. The engine adds Date and what frames the body."""

    def _upgrade(self) -> None:
        """Hand over the connection after a 101: `socket` has no timeout then, and `rfile` reads what follows."""
        self.connection_upgraded = True
        self.close_connection = True
        _, early = self._connection.hand_over()
        self._connection.buffer = early

    # -- Errors

    def _failed(self, error: BaseException) -> None:
        """Treat an exception of the application according to its cause: the client, the connection or a mistake."""
        exchange, connection = self._exchange, self._connection
        assert exchange is not None
        handed_over = connection.state == HANDED_OVER
        if isinstance(error, OSError) and exchange.body is not NO_BODY and error is exchange.body.error:
            # The client caused this error, and the application let it propagate.
            self._handle_client_error(error)
            self.close_connection = True
            exchange.fail(error.status if isinstance(error, RequestError) else "400 Bad Request")
            self.status = self._orig_status = self._orig_status or "400 Bad Request"
        elif isinstance(error, OSError) and (
            error is connection.error or (handed_over and error.errno in self.ignored_socket_errors)
        ):
            self.close_connection = True
            if not handed_over:
                connection.reset()
        else:
            self.handle_error(type(error), error, error.__traceback__)

    def handle_error(self, t: Any, v: Any, tb: Any) -> None:
        """Report an exception of the application, and answer with 500 if nothing has been sent."""
        self._log_error(t, v, tb)
        self._send_error_response_if_possible(500)

    def _log_error(self, t: Any, v: Any, tb: Any) -> None:
        if issubclass(t, GreenletExit):
            return
        context = self.environ
        if not isinstance(context, self.server.secure_environ_class):
            context = self.server.secure_environ_class(context or {})
        get_hub().handle_error(context, t, v, tb)

    def _send_error_response_if_possible(self, code: int) -> None:
        self.close_connection = True
        exchange = self._exchange
        if exchange is None or self._connection.state == HANDED_OVER:
            return
        reason = INTERNAL_ERROR if code == 500 else "Bad Request"
        if exchange.started:
            if exchange.chunked:
                # The client notices that the last chunk is missing, and gets all that was sent.
                exchange.reusable = False
                return
            # The client must notice that the rest is missing.
            exchange.fail(f"{code} {reason}")
            return
        body = reason.encode()
        try:
            self.start_response(
                f"{code} {reason}",
                [("Content-Type", "text/plain"), ("Connection", "close"), ("Content-Length", str(len(body)))],
            )
            self.write(body)
        except OSError as error:
            if error is not self._connection.error:
                raise

    def _handle_client_error(self, ex: BaseException) -> tuple[str, bytes]:
        """Log an error that the client caused; return the status and the response."""
        status = ex.status if isinstance(ex, RequestError) else "400 Bad Request"
        if isinstance(ex, ValueError | OSError):
            self.server._reject(status)
            self.log_error("Invalid request (from %s): %s", self.client_address, str(ex) or type(ex).__name__)
        else:
            self._print_unexpected_exc()
        return self._refusal(status)

    def _refusal(self, status: str) -> tuple[str, bytes]:
        body = status.encode() + b"\n"
        headers = [
            ("Content-Type", "text/plain"),
            ("Connection", "close"),
            ("Content-Length", str(len(body))),
        ]
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
        self._orig_status = status
        self._given_headers = headers
        self._response_headers = None
        return status.partition(" ")[0], "\r\n".join([*lines, "\r\n"]).encode() + body

    # -- Logs

    def log_error(self, msg: str, *args: Any) -> None:
        """Write a line to the server's error log; `args` are formatted into `msg` with ``%``."""
        if args:
            try:
                msg = msg % args
            except Exception:
                self._print_unexpected_exc()
                msg = f"{msg!r} {args!r}"
        try:
            self.server.error_log.write(f"{self.socket}: {msg}\n")
        except Exception:
            self._print_unexpected_exc()

    def log_request(self) -> None:
        """Write a line about the request to the server's access log."""
        self.server.log.write(self.format_request() + "\n")

    def format_request(self) -> str:
        """Return the line of the access log: client, time, request line, status, bytes of the body and seconds."""
        address = self.client_address[0] if isinstance(self.client_address, tuple) else self.client_address
        taken = f"{self.time_finish - self.time_start:.6f}" if self.time_finish else "-"
        status = self._orig_status or self.status or "000"
        if isinstance(status, bytes):
            status = status.decode("latin-1")
        now = datetime.now().replace(microsecond=0)
        return (
            f'{address or "-"} - - [{now}] "{(self.requestline or "").rstrip()}" '
            f"{status.split()[0]} {self.response_length or '-'} {taken}"
        )
