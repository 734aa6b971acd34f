"""A gunicorn worker: ``gunicorn -k greenrt.adapters.gunicorn.Worker module:app``.

gunicorn manages the processes; in each process, the worker patches the standard library and serves with a
`WSGIServer`. ``docs/reference/gunicorn.md`` lists each of gunicorn's settings and says whether this worker honours
it. If a setting that the worker can't honour differs from its default, gunicorn does not start.
"""

import os
import signal
from datetime import timedelta

from gunicorn import sock
from gunicorn.config import make_settings
from gunicorn.glogging import Logger
from gunicorn.workers import base

from greenrt._hub.greenlet import Greenlet
from greenrt._hub.sleep import sleep
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.adapters.gunicorn_views import Refused, Request, Response, escaping
from greenrt.green import socket
from greenrt.monkey import patch_all
from greenrt.serve import Limits, WSGIServer
from greenrt.serve.http.connection_socket import ConnectionSocket
from greenrt.serve.tls import check_authorities, check_files
from greenrt.sync.event import Event

__all__ = ["REFUSED", "Worker", "limits_of"]

# gunicorn's own limits (gunicorn/http/message.py).
MOST_FIELDS = 32768
LONGEST_LINE = 8190
# The limit if gunicorn's setting says "unlimited".
UNLIMITED = 1 << 48

# Settings that change how a connection is read, which greenrt's parser does not offer, with the reason for refusing
# them.
REFUSED = {
    "casefold_http_method": "methods are case-sensitive (RFC 9110 9.1)",
    "forwarder_headers": "fields with an underscore in their name are dropped",
    "header_map": "fields with an underscore in their name are dropped",
    "http2_cleartext": "greenrt speaks HTTP/1.1",
    "http_protocols": "greenrt speaks HTTP/1.1",
    "permit_obsolete_folding": "proxies understand folded fields differently (RFC 9112 5.2)",
    "permit_unconventional_http_version": "greenrt speaks HTTP/1.1 and 1.0",
    "protocol": "greenrt does not speak uWSGI's protocol",
    "proxy_protocol": "the PROXY protocol is not read",
    "strip_header_spaces": "proxies understand such fields differently (RFC 9112 5.1)",
    "suppress_ragged_eofs": "an end of TLS without close_notify is an end of the connection",
}
# The environ key of the time at which the request began, on the monotonic clock.
BEGAN = "greenrt.began"


class Worker(base.Worker):  # type: ignore[misc]
    """A worker process of gunicorn that serves with greenlets."""

    # The time between two heartbeats to the master, in seconds.
    tick: float = 0.5

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse settings without effect and unusable files.

        Raise RuntimeError, which gunicorn prints as one line.
        """
        defaults = make_settings()
        for name, reason in REFUSED.items():
            # Older versions of gunicorn have fewer settings.
            if name in defaults and cfg.settings[name].get() != defaults[name].get():
                raise RuntimeError(
                    f"{name} = {cfg.settings[name].get()!r} has no effect with greenrt's worker: {reason}; "
                    f"leave it at {defaults[name].get()!r}, or choose another worker_class"
                )
        try:
            _check_files(cfg)
        except OSError as error:
            raise RuntimeError(str(error)) from None

    def init_process(self) -> None:
        """Patch before the application is imported, then continue as gunicorn does."""
        self._ended = Event()
        # Set the handlers first. Until then the handlers inherited from the master by fork run, and the signals are
        # lost. (gunicorn sets all handlers after the steps that take time here.)
        for number, handler in (
            (signal.SIGTERM, self.handle_exit),
            (signal.SIGINT, self.handle_quit),
            (signal.SIGQUIT, self.handle_quit),
        ):
            signal.signal(number, handler)
        patch_all()
        self.sockets: list[Any] = [socket.socket(fileno=listener.sock.detach()) for listener in self.sockets]
        atoms = getattr(self.log, "atoms_wrapper_class", None)
        if atoms is not None:
            self.log.atoms_wrapper_class = escaping(atoms)
        super().init_process()

    def run(self) -> None:
        """Serve until gunicorn asks the worker to stop, then answer the requests received so far."""
        servers = [self._server(listener) for listener in self.sockets]
        for server in servers:
            server.start()
        while self.alive and self.ppid == os.getppid():
            self.notify()
            self._ended.wait(self.tick)
        stopping = [Greenlet.spawn(server.stop, self.cfg.graceful_timeout) for server in servers]
        while not all(greenlet.ready() for greenlet in stopping):
            self.notify()
            sleep(self.tick / 5)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """End after the requests in flight."""
        self._end()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """End at once; requests in flight are given up."""
        # gunicorn's own handler sleeps and exits here, in whichever greenlet the signal interrupted.
        self.cfg.set("graceful_timeout", 0)
        try:
            self.cfg.worker_int(self)
        finally:
            self._end()

    def _end(self) -> None:
        self.alive = False
        self._ended.set()

    def _server(self, listener: Any) -> "Server":
        cfg = self.cfg
        return Server(
            self,
            listener,
            limits=limits_of(cfg),
            environ=self._environ(),
            ssl_context=_tls(cfg) if cfg.is_ssl else None,
            # These signal handlers don't raise. With some exit codes gunicorn's master would end as well.
            may_exit=False,
        )

    def _environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = {"wsgi.multiprocess": self.cfg.workers > 1}
        if self.cfg.sendfile is False:
            environ["wsgi.file_wrapper"] = _Iterated
        return environ


class Server(WSGIServer):
    """The server for one of gunicorn's listeners, with gunicorn's hooks around each request."""

    def __init__(self, worker: Worker, listener: Any, **options: Any) -> None:
        self._worker = worker
        self._has_hooks = {
            name: worker.cfg.settings[name].get() is not worker.cfg.settings[name].default
            for name in ("pre_request", "post_request")
        }
        super().__init__(listener, self.answer, error_log=worker.log.error_log, **options)
        if self._has_hooks["post_request"] or _takes_access(worker):
            self._access = self  # type: ignore[assignment]

    def _base_environ(self, connection: Any, peer: Any) -> dict[str, Any]:
        environ = super()._base_environ(connection, peer)
        environ["gunicorn.socket"] = ConnectionSocket(connection, connection.hand_over)
        return environ

    def answer(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Call the application. Raise RuntimeError if the path is not under SCRIPT_NAME."""
        worker = self._worker
        environ[BEGAN] = monotonic()
        environ["RAW_URI"] = environ["REQUEST_URI"]
        if not self._set_scheme(environ):
            start_response("400 Bad Request", [("Content-Type", "text/plain"), ("Connection", "close")])
            return [b"Contradictory scheme headers\n"]
        _set_script_name(environ)
        if self._has_hooks["pre_request"]:
            worker.cfg.pre_request(worker, Request(environ))
        worker.nr += 1
        if worker.nr >= worker.max_requests and worker.alive:
            # End the worker first: a logger that raises must not keep the worker alive, or fail the request.
            worker._end()
            self._note("info", "Autorestarting worker after current request.")
        return worker.wsgi(environ, start_response)

    def _set_scheme(self, environ: dict[str, Any]) -> bool:
        """Set the scheme from a trusted proxy's fields; return False if they contradict each other."""
        cfg = self._worker.cfg
        schemes = set()
        for name, value in cfg.secure_scheme_headers.items():
            found = environ.get("HTTP_" + name.replace("-", "_"))
            if found is not None:
                schemes.add("https" if found == value else "http")
        if not schemes or not _is_trusted(environ["REMOTE_ADDR"], cfg):
            return True
        environ["wsgi.url_scheme"] = schemes.pop()
        return not schemes

    def add(self, exchange: Any) -> None:
        """Log an answered request, then call post_request. Their exceptions are logged in the error log."""
        worker, environ = self._worker, exchange.environ
        began = environ.get(BEGAN)
        if began is None:
            # The application has removed the key.
            return
        try:
            request, response = Request(environ), Response(exchange)
        except Exception:
            self.error_log.exception("%s could not be logged", exchange.shown())
            return
        try:
            worker.log.access(response, request, environ, timedelta(seconds=monotonic() - began))
        except Exception:
            self.error_log.exception("%s could not be logged", exchange.shown())
        finally:
            # The hook runs after a kill too: gunicorn promises it for each request.
            if self._has_hooks["post_request"]:
                self._call_post_request(request, environ, response)

    def _call_post_request(self, *args: Any) -> None:
        worker = self._worker
        try:
            worker.cfg.post_request(worker, *args)
        except Exception:
            self._note("exception", "Exception in post_request hook")

    def _note(self, level: str, message: str) -> None:
        """Log with gunicorn's logger, whose class may be the program's and may raise."""
        try:
            getattr(self._worker.log, level)(message)
        except Exception:
            getattr(self.error_log, level)(message)

    def add_refusal(self, refusal: Any) -> None:
        """Log a refused request."""
        worker = self._worker
        if not _takes_access(worker):
            return
        target = refusal.target or "-"
        environ = {
            "REMOTE_ADDR": refusal.address,
            "REQUEST_METHOD": refusal.method or "-",
            "RAW_URI": target,
            "PATH_INFO": target.partition("?")[0],
            "QUERY_STRING": target.partition("?")[2],
            "SERVER_PROTOCOL": f"HTTP/1.{int(refusal.modern)}" if refusal.target else "-",
        }
        try:
            worker.log.access(Refused(refusal), [], environ, timedelta())
        except Exception:
            self.error_log.exception("a refused request could not be logged")


def _takes_access(worker: Any) -> bool:
    """Return whether the logger uses requests. A logger with its own `access` method uses them even without a log."""
    own = getattr(type(worker.log), "access", None) is not Logger.access
    return own or bool(getattr(worker.log, "access_log_enabled", worker.cfg.accesslog))


class _Iterated:
    """The class for ``wsgi.file_wrapper`` if sendfile is switched off."""

    def __init__(self, file: Any, block_size: int = 65536) -> None:
        self._blocks = iter(lambda: file.read(block_size), b"")
        if hasattr(file, "close"):
            self.close = file.close

    def __iter__(self) -> Any:
        return self._blocks


def limits_of(cfg: Any) -> Limits:
    """Return the limits for gunicorn's settings."""
    line = min(cfg.limit_request_line, LONGEST_LINE) or UNLIMITED
    field = cfg.limit_request_field_size or UNLIMITED
    fields = min(cfg.limit_request_fields, MOST_FIELDS) or MOST_FIELDS
    own = Limits()
    return Limits(
        request_line=line,
        field=field,
        head=min(line + fields * (field + 2) + 4, UNLIMITED),
        fields=fields,
        # The first request has a timeout even without keep-alive: silent clients would fill the server.
        idle_timeout=cfg.keepalive or own.idle_timeout,
        requests=None if cfg.keepalive else 1,
        connections=cfg.worker_connections or None,
    )


def _is_trusted(peer: str, cfg: Any) -> bool:
    """Return whether the peer is one of forwarded_allow_ips; a peer on a Unix socket is trusted."""
    if not peer or "*" in cfg.forwarded_allow_ips:
        return True
    import ipaddress

    address = ipaddress.ip_address(peer.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    networks = [ipaddress.ip_network(each) for each in cfg.forwarded_allow_ips]
    return any((mapped or address) in network for network in networks)


def _set_script_name(environ: dict[str, Any]) -> None:
    """Move the environment variable SCRIPT_NAME from the path to SCRIPT_NAME."""
    name = os.environ.get("SCRIPT_NAME")
    if name:
        if not environ["PATH_INFO"].startswith(name):
            raise RuntimeError(f"the path {environ['PATH_INFO']!r} does not start with SCRIPT_NAME {name!r}")
        environ["SCRIPT_NAME"] = name
        environ["PATH_INFO"] = environ["PATH_INFO"][len(name) :]


def _check_files(cfg: Any) -> None:
    """Raise CertificateError, an OSError, if a file can't be used: gunicorn's own errors do not name the file."""
    if cfg.settings["ssl_context"].get() is not make_settings()["ssl_context"].get():
        # The user's hook may read other files.
        return
    if cfg.certfile:
        check_files(cfg.certfile, cfg.keyfile)
    if cfg.certfile and cfg.ca_certs:
        check_authorities("ca_certs", cfg.ca_certs)


def _tls(cfg: Any) -> Any:
    """Return gunicorn's context, which asks clients for certificates if the settings say so."""
    _check_files(cfg)
    context = sock.ssl_context(cfg)
    # gunicorn would also offer the HTTP/2 of its own workers.
    context.set_alpn_protocols(["http/1.1"])
    return context
