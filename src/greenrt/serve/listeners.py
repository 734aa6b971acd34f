"""From what a user calls an address to a listening socket."""

import os

from greenrt._typing import Any
from greenrt.green import socket

__all__ = ["open_datagram", "open_stream", "parse_address"]

DEFAULT_BACKLOG = 1024


def parse_address(listener: Any) -> tuple[Any, Any]:
    """Return (family, address) of ``(host, port)``, a port, ``"host:port"``, ``":port"`` or ``"unix:/path"``.

    ValueError, with the forms that are understood, for anything else.
    """
    if isinstance(listener, str) and listener.startswith("unix:"):
        return socket.AF_UNIX, listener[5:]
    if isinstance(listener, str):
        host, colon, port = listener.rpartition(":")
        if not colon:
            host, port = "", listener
        host = host.strip("[]")
    elif isinstance(listener, int):
        host, port = "", str(listener)
    elif isinstance(listener, tuple | list) and len(listener) >= 2:
        host, port = listener[0] or "", str(listener[1])
    else:
        port = ""
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(
            f"{listener!r} is no address to listen on; "
            "use (host, port), a port, 'host:port', 'unix:/path' or a socket"
        )
    if host in ("", "*"):
        host = "0.0.0.0"
    return (socket.AF_INET6 if ":" in host else socket.AF_INET), (host, int(port))


def _bound(family: Any, kind: Any, address: Any) -> Any:
    sock = socket.socket(family, kind)
    try:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif os.path.exists(address) and _is_dead(address):
            os.unlink(address)
        sock.bind(address)
    except OSError as error:
        sock.close()
        error.strerror = f"{error.strerror}: {address!r}"
        raise
    return sock


def _is_dead(path: str) -> bool:
    """Tell whether `path` is the socket of a server that is gone."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 111


def open_stream(family: Any, address: Any, backlog: int | None) -> Any:
    """Return a listening TCP or Unix socket. OSError, which names the address, if it can't be had."""
    sock = _bound(family, socket.SOCK_STREAM, address)
    sock.listen(DEFAULT_BACKLOG if backlog is None else backlog)
    return sock


def open_datagram(family: Any, address: Any) -> Any:
    """Return a bound datagram socket. OSError, which names the address, if it can't be had."""
    return _bound(family, socket.SOCK_DGRAM, address)
