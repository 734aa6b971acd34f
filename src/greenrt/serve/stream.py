"""StreamServer: TCP and Unix stream connections."""

import errno
import logging
from collections.abc import Callable

from greenrt._hub.pausing import sleep
from greenrt._loop import log
from greenrt._typing import Any
from greenrt.errors import GreenletExit
from greenrt.serve.base import BaseServer
from greenrt.serve.listeners import open_stream

__all__ = ["StreamServer"]

# The peer was gone before the connection was taken; accept(2) says to treat these like EAGAIN.
PASSING = frozenset(
    (
        errno.ECONNABORTED,
        errno.EINTR,
        errno.ENETDOWN,
        errno.EPROTO,
        errno.ENOPROTOOPT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EOPNOTSUPP,
        errno.ENETUNREACH,
        errno.EPERM,
    )
)
# The system has no more to give for now.
EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS))


class StreamServer(BaseServer):
    """Calls ``handle(socket, address)`` for each connection, and closes the socket after it. See `BaseServer`.

    TLS with `ssl_context`, an `ssl.SSLContext` for servers, or with `certfile` and `keyfile`, PEM files. The
    handshake is made in the handler's greenlet, in `handshake_timeout` seconds at most.
    """

    # Seconds; None for no limit.
    handshake_timeout: float | None = 10.0

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
    ) -> None:
        super().__init__(listener, handle, spawn)
        self.backlog = backlog
        if certfile is not None:
            # Few servers need it, and it takes long to import.
            from greenrt.serve.tls import make_context

            if ssl_context is not None:
                raise TypeError("give either ssl_context or certfile, which makes one")
            ssl_context = make_context(certfile, keyfile)
        elif keyfile is not None:
            raise TypeError("a keyfile needs its certfile")
        # May be replaced while the server runs: connections to come use the new one.
        self.ssl_context: Any = ssl_context

    def _open(self, family: Any, address: Any) -> Any:
        return open_stream(family, address, self.backlog)

    def _accept_forever(self) -> None:
        listener = self.socket
        delay = self.min_delay
        burst = 0
        while self.socket is listener:
            if self.pool is not None:
                # Who is not taken in waits in the kernel's backlog, or goes to another process.
                self.pool.wait_available()
            try:
                connection, address = listener.accept()
            except OSError as error:
                if self.socket is not listener:
                    return
                if error.errno in EXHAUSTED:
                    log.warn("%r can't accept: %s; again in %.2f s", self, error, delay)
                    sleep(delay)
                    delay = min(delay * 2, self.max_delay)
                elif error.errno not in PASSING:
                    raise
                continue
            delay = self.min_delay
            if self.socket is not listener:
                # Closed, and told so too late to stop this accept.
                connection.close()
                return
            try:
                self.do_handle(connection, address)
            except BaseException:
                connection.close()
                raise
            # More may have been waiting, and accept doesn't switch then.
            burst += 1
            if burst >= self.max_accept:
                burst = 0
                sleep(0)
            del connection

    def _run_handler(self, connection: Any, address: Any) -> None:
        assert self.handle is not None
        if self.ssl_context is not None:
            connection = self._secured(connection, address)
            if connection is None:
                return
        try:
            self.handle(connection, address)
        except GreenletExit:
            # Killed by `stop`.
            pass
        except BaseException as error:
            self._report()
            if not isinstance(error, Exception):
                raise
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
            logging.getLogger("greenrt.serve").debug("no TLS with %r: %s", address, reason)
        except GreenletExit:
            pass
        return None
