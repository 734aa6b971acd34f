"""Hosts that are addresses already: the C library needs no name service for them, and is asked itself."""

import _socket

from greenrt._original import getaddrinfo
from greenrt._typing import Any
from greenrt.dns.services import Service, is_service_name, services

__all__ = ["digits_and_dots", "is_numeric", "is_plain", "numeric_addrinfo"]

DIGITS = frozenset("0123456789")


def is_plain(host: Any) -> bool:
    """Tell whether `host` is a `str` with an address in its usual form: a tenth of what getaddrinfo(3) takes."""
    if not isinstance(host, str) or (host[:1] not in DIGITS and ":" not in host):
        return False
    try:
        _socket.inet_pton(_socket.AF_INET6 if ":" in host else _socket.AF_INET, host)
    except (OSError, ValueError):
        # Another form or a name; or it has a null byte or a surrogate in it.
        return False
    return True


def is_numeric(host: str | bytes | bytearray) -> bool:
    """Tell whether `host` is an address in one of the C library's forms, such as ``127.1`` or ``fe80::1%lo``."""
    return is_plain(host) or numeric_addrinfo(host, None, 0, _socket.SOCK_STREAM, 0, 0) is not None


def numeric_addrinfo(
    host: Any, port: Any, family: int, type: int, proto: int, flags: int
) -> list[Any] | None:
    """Return the C library's answer, or raise its error, if `host` is an address or None; None for other hosts."""
    if host == "":
        # No name server is ever asked for it; a line without a name in the hosts file counts.
        return getaddrinfo(host, port, family, type, proto, flags)
    if host is not None and host != "*":
        first = host[:1]
        # An IPv4 address starts with a digit, an IPv6 address has a colon. At a null byte the call would cut it.
        if isinstance(host, str):
            if (first not in DIGITS and ":" not in host) or "\0" in host:
                return None
        elif not first.isdigit() and b":" not in host:
            return None
    flags |= _socket.AI_NUMERICHOST
    try:
        if is_service_name(port):
            return _with_services(host, services(port, family, type, proto, flags), family, flags)
        return getaddrinfo(host, port, family, type, proto, flags)
    except _socket.gaierror as error:
        if error.errno == _socket.EAI_NONAME and host is not None:
            # No address; or one with an unknown scope, of which name services know nothing either.
            return None
        raise


def _with_services(host: Any, found: list[Service], family: int, flags: int) -> list[Any]:
    """Return the C library's answer without its look at /etc/services, which takes it long."""
    results: list[Any] = []
    for kind, _, _, canonical, address in getaddrinfo(host, 0, family, _socket.SOCK_STREAM, 0, flags):
        for one, protocol, port in found:
            rest = address[2:]
            results.append((kind, one, protocol, "" if results else canonical, (address[0], port, *rest)))
    return results


def digits_and_dots(name: str) -> bool:
    """Tell whether gethostbyname(3) takes `name` for an address, although it is none."""
    return name[:1] in DIGITS and not name.endswith(".") and all(letter in "0123456789." for letter in name)
