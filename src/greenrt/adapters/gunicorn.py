"""A gunicorn worker: ``gunicorn -k greenrt.adapters.gunicorn.Worker module:app``.

gunicorn manages the processes; in each, the standard library is patched and a `WSGIServer` answers. gunicorn's
settings that mean the same are taken over: worker_connections, keepalive, graceful_timeout, max_requests,
limit_request_line, limit_request_fields, limit_request_field_size, all about TLS (certfile, keyfile, ca_certs,
cert_reqs, ciphers, the hook ssl_context), accesslog (in the common format only), reload. Proxy headers and the PROXY
protocol are not read, and the hooks pre_request and post_request not called.
"""

import os
import signal

from gunicorn import sock
from gunicorn.workers import base

from greenrt._hub.greenlet import Greenlet
from greenrt._hub.pausing import sleep
from greenrt._typing import Any
from greenrt.green import socket
from greenrt.monkey import patch_all
from greenrt.serve import Limits, WSGIServer
from greenrt.sync.event import Event

__all__ = ["Worker"]

# What gunicorn makes of a limit_request_fields of 0.
MOST_FIELDS = 32768


class Worker(base.Worker):  # type: ignore[misc]
    """A process of gunicorn's that serves with greenlets."""

    # Seconds between two signs of life to the master.
    tick = 0.5

    def init_process(self) -> None:
        """Patch, before the application is imported, and go on as gunicorn does."""
        self._ended = Event()
        # At once: until then signals go to the handlers that the fork brought along from the master, and are lost.
        # (gunicorn sets all handlers after what takes time here.)
        for number, handler in (
            (signal.SIGTERM, self.handle_exit),
            (signal.SIGINT, self.handle_quit),
            (signal.SIGQUIT, self.handle_quit),
        ):
            signal.signal(number, handler)
        patch_all()
        self.sockets: list[Any] = [socket.socket(fileno=listener.sock.detach()) for listener in self.sockets]
        super().init_process()

    def run(self) -> None:
        """Serve until gunicorn says to stop, then answer what has come."""
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
        """End after the requests under way."""
        self._end()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """End at once: requests under way are given up."""
        # gunicorn's own sleeps and exits here, in whatever greenlet the signal came upon.
        self.cfg.set("graceful_timeout", 0)
        self._end()

    def _end(self) -> None:
        self.alive = False
        self._ended.set()

    def _server(self, listener: Any) -> WSGIServer:
        cfg = self.cfg
        server = WSGIServer(
            listener,
            self._application,
            limits=Limits(
                request_line=cfg.limit_request_line or 1 << 16,
                field=cfg.limit_request_field_size or 1 << 16,
                fields=cfg.limit_request_fields if cfg.limit_request_fields > 0 else MOST_FIELDS,
                idle_time=cfg.keepalive or None,
                requests=None if cfg.keepalive else 1,
                connections=cfg.worker_connections,
            ),
            log=self._log_access if cfg.accesslog else None,
            error_log=self.log.error_log,
            environ={"wsgi.multiprocess": cfg.workers > 1},
            ssl_context=_tls(cfg) if cfg.is_ssl else None,
        )
        # Our handlers of signals don't raise, and with some codes gunicorn's master would end as well.
        server.may_exit = False
        return server

    def _application(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("restarting after %d requests", self.nr)
            self._end()
        return self.wsgi(environ, start_response)

    def _log_access(self, lines: str) -> None:
        for line in lines.splitlines():
            self.log.access_log.info("%s", line)


def _tls(cfg: Any) -> Any:
    """Return gunicorn's context, which asks clients for certificates where the settings say so."""
    context = sock.ssl_context(cfg)
    # gunicorn would also offer the HTTP/2 of its own workers.
    context.set_alpn_protocols(["http/1.1"])
    return context
