"""Name functions of the socket module: the C library's own, in a native thread where they may block.

What needs no name service (numeric hosts, no host) is answered in place.
"""

import _socket
import errno
import os
from collections.abc import Callable

from greenrt._hub.slot import get_hub_if_exists, hub_for_waiting
from greenrt._typing import Any

__all__ = [
    "getaddrinfo",
    "gethostbyaddr",
    "gethostbyname",
    "gethostbyname_ex",
    "getnameinfo",
    "resolve_address",
]

# Bound now: patching reaches the C module too.
_native_getaddrinfo = _socket.getaddrinfo
_native_gethostbyaddr = _socket.gethostbyaddr
_native_gethostbyname = _socket.gethostbyname
_native_gethostbyname_ex = _socket.gethostbyname_ex
_native_getnameinfo = _socket.getnameinfo


def _in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Call ``function(*args)`` in a thread of the hub's pool; here, if this thread has no hub."""
    hub = get_hub_if_exists() or hub_for_waiting()
    if hub is None:
        return function(*args)
    return hub.threadpool.apply(function, args)


def _is_numeric(host: Any) -> bool:
    """Tell whether the C library needs no name service for `host`."""
    if host is None or host == "" or host == b"":
        return True
    text = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else host
    if not isinstance(text, str):
        # A wrong type: the call says so at once.
        return True
    if "\0" in text:
        return True
    try:
        _native_getaddrinfo(text, None, 0, _socket.SOCK_STREAM, 0, _socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return text in ("<broadcast>", "255.255.255.255")
    return True


def getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[Any]:
    """See `socket.getaddrinfo`, whose raw results (without enums) these are."""
    if _is_numeric(host) or flags & _socket.AI_NUMERICHOST:
        return _native_getaddrinfo(host, port, family, type, proto, flags)
    return _in_thread(_native_getaddrinfo, host, port, family, type, proto, flags)  # type: ignore[no-any-return]


def gethostbyname(hostname: Any) -> str:
    """See `socket.gethostbyname`."""
    if _is_numeric(hostname):
        return _native_gethostbyname(hostname)
    return _in_thread(_native_gethostbyname, hostname)  # type: ignore[no-any-return]


def gethostbyname_ex(hostname: Any) -> tuple[str, list[str], list[str]]:
    """See `socket.gethostbyname_ex`."""
    return _in_thread(_native_gethostbyname_ex, hostname)  # type: ignore[no-any-return]


def gethostbyaddr(ip_address: Any) -> tuple[str, list[str], list[str]]:
    """See `socket.gethostbyaddr`."""
    return _in_thread(_native_gethostbyaddr, ip_address)  # type: ignore[no-any-return]


def getnameinfo(sockaddr: Any, flags: int) -> tuple[str, str]:
    """See `socket.getnameinfo`."""
    if flags & _socket.NI_NUMERICHOST:
        return _native_getnameinfo(sockaddr, flags)
    return _in_thread(_native_getnameinfo, sockaddr, flags)  # type: ignore[no-any-return]


def resolve_address(sock: Any, address: Any) -> Any:
    """Return the address tuple `address` with a numeric host, found as the socket's own methods would."""
    host = address[0]
    if _is_numeric(host):
        return address
    found = getaddrinfo(host, None, sock.family, sock.type & 0xF)
    if not found:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return (found[0][4][0], *address[1:])
