"""eventlet.convenience: sockets that listen and connect, and a simple server."""

import os
import warnings
from collections.abc import Callable

from greenlet import GreenletExit, getcurrent

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.green import socket as green_socket

from . import greenpool, greenthread
from .greenio import GreenSocket

__all__ = ["StopServe", "connect", "listen", "serve", "wrap_ssl"]


class ReuseRandomPortWarning(Warning):
    """SO_REUSEPORT was asked for with port 0, where the kernel may choose a port that is in use."""


class ReusePortUnavailableWarning(Warning):
    """SO_REUSEPORT was asked for, and the system refuses it."""


class StopServe(Exception):
    """Raise this in a handler of `serve`, or throw it into its greenthread, to make `serve` return."""


def connect(addr: Any, family: Any = green_socket.AF_INET, bind: Any = None) -> Any:
    """Return a green socket that is connected to `addr`. `bind` is the local address, if given."""
    sock = GreenSocket(family, green_socket.SOCK_STREAM)
    try:
        if bind is not None:
            sock.bind(bind)
        sock.connect(addr)
    except BaseException:
        sock.close()
        raise
    return sock


def listen(
    addr: Any,
    family: Any = green_socket.AF_INET,
    backlog: int = 50,
    reuse_addr: bool = True,
    reuse_port: bool | None = None,
) -> Any:
    """Return a green socket that listens on `addr`.

    With `reuse_port`, several processes may listen on the address at once. None means True, and False for port 0.
    """
    sock = GreenSocket(family, green_socket.SOCK_STREAM)
    try:
        if reuse_addr:
            sock.setsockopt(green_socket.SOL_SOCKET, green_socket.SO_REUSEADDR, 1)
        if family in (green_socket.AF_INET, green_socket.AF_INET6) and addr[1] == 0:
            if reuse_port:
                warnings.warn(
                    "with SO_REUSEPORT and port 0, the kernel may choose a port that is in use",
                    ReuseRandomPortWarning,
                    stacklevel=2,
                )
        elif reuse_port is None:
            reuse_port = True
        if reuse_port:
            _reuse_port(sock)
        sock.bind(addr)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _reuse_port(sock: Any) -> None:
    try:
        sock.setsockopt(green_socket.SOL_SOCKET, green_socket.SO_REUSEPORT, 1)
    except OSError as error:
        warnings.warn(
            f"SO_REUSEPORT is not available: {os.strerror(error.errno or 0)}",
            ReusePortUnavailableWarning,
            stacklevel=3,
        )


def serve(sock: Any, handle: Callable[[Any, Any], object], concurrency: int = 1000) -> None:
    """Call ``handle(connection, address)`` in a greenthread for each connection; close the connection after it.

    At most `concurrency` handlers run at once. Returns if a handler raises StopServe, and raises any other exception
    of a handler.
    """
    pool = greenpool.GreenPool(concurrency)
    server = getcurrent()
    while True:
        try:
            connection, address = sock.accept()
            made = pool.spawn(handle, connection, address)
            made.link(_end_of_handler, server, connection)
            del connection, made
        except StopServe:
            return


def _end_of_handler(ended: Any, server: Any, connection: Any) -> None:
    try:
        ended.wait()
    except GreenletExit:
        pass
    except Exception as error:
        greenthread.kill(server, error)
    finally:
        connection.close()


def wrap_ssl(sock: Any, *a: Any, **kw: Any) -> Any:
    """Return a green SSL socket over `sock`. The arguments are those of `ssl.wrap_socket` of older Pythons."""
    from .green.ssl import wrap_socket

    return wrap_socket(sock, *a, **kw)


__getattr__: Callable[[str], Any] = missing_names(__name__)
