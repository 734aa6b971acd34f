"""The name functions of the socket module, by the hub's resolver, or without one if no name service is needed.

In a native thread without a hub, they call the C library's functions.
"""

import _socket
import errno
import os

from greenrt import _original
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._typing import TYPE_CHECKING, Any
from greenrt.dns.numeric import as_name, is_numeric, is_plain, numeric_addrinfo
from greenrt.dns.services import leaves_machine

if TYPE_CHECKING:
    from greenrt.dns.resolvers import Resolver

__all__ = [
    "getaddrinfo",
    "gethostbyaddr",
    "gethostbyname",
    "gethostbyname_ex",
    "getnameinfo",
    "resolve_address",
]


def _resolver() -> "Resolver":
    hub = hub_for_waiting()
    return _original if hub is None else hub.resolver  # type: ignore[return-value]


def getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[Any]:
    """See `socket.getaddrinfo`; the results are raw, without enums."""
    # Bytes with a null byte are an error that the C library would not notice.
    testable = b"\0" not in host if isinstance(host, bytes) else host is None or isinstance(host, str)
    if testable and not leaves_machine(port):
        found = numeric_addrinfo(host, port, family, type, proto, flags)
        if found is not None:
            return found
        host = as_name(host)
    return _resolver().getaddrinfo(host, port, family, type, proto, flags)


def gethostbyname(hostname: Any) -> str:
    """See `socket.gethostbyname`."""
    if _is_address(hostname):
        return _original.gethostbyname(hostname)
    return _resolver().gethostbyname(as_name(hostname))


def gethostbyname_ex(hostname: Any) -> tuple[str, list[str], list[str]]:
    """See `socket.gethostbyname_ex`."""
    if is_plain(hostname):
        return _original.gethostbyname_ex(hostname)
    return _resolver().gethostbyname_ex(hostname)


def gethostbyaddr(ip_address: Any) -> tuple[str, list[str], list[str]]:
    """See `socket.gethostbyaddr`."""
    return _resolver().gethostbyaddr(ip_address)


def getnameinfo(sockaddr: Any, flags: int) -> tuple[str, str]:
    """See `socket.getnameinfo`."""
    if not isinstance(sockaddr, tuple):
        # As in C: the traceback of the error must not keep the argument alive.
        del sockaddr
        raise TypeError("getnameinfo() argument 1 must be a tuple")
    if flags & _socket.NI_NUMERICHOST:
        return _original.getnameinfo(sockaddr, flags)
    return _resolver().getnameinfo(sockaddr, flags)


def _is_address(host: Any) -> bool:
    """Return whether the socket module does not look up `host`: it is an address, or has a wrong type."""
    if not isinstance(host, str | bytes | bytearray):
        return True
    return host in ("", b"", "<broadcast>", "255.255.255.255") or is_numeric(host)


def resolve_address(sock: Any, address: Any) -> Any:
    """Return the address tuple `address` with a numeric host, as the socket's own methods would resolve it.

    Without a hub to wait in, return it as it is: those methods resolve it.
    """
    host = address[0]
    if _is_address(host) or hub_for_waiting() is None:
        return address
    found = getaddrinfo(as_name(host), None, sock.family, sock.type & 0xF)
    if not found:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return (found[0][4][0], *address[1:])
