"""Hosts that are addresses: the C library converts them itself, without a name service."""

import _socket

from greenrt._original import getaddrinfo
from greenrt._typing import Any
from greenrt.dns.services import Service, is_service_name, services

__all__ = ["HostName", "as_name", "digits_and_dots", "is_numeric", "is_plain", "numeric_addrinfo"]

DIGITS = frozenset("0123456789")


class HostName(str):
    """A host that is a name for certain, so `numeric_addrinfo` does not test it again.

    The functions of `greenrt.green.socket` test a host, then pass it to the resolver, which tests its hosts too.
    """

    __slots__ = ()


def as_name(host: Any) -> Any:
    """Mark a host that a test has found not to be an address. Types other than `str` are returned unchanged."""
    return HostName(host) if isinstance(host, str) else host


def is_plain(host: Any) -> bool:
    """Return whether `host` is a `str` with an address in its usual form. Ten times faster than getaddrinfo(3)."""
    if not isinstance(host, str) or (host[:1] not in DIGITS and ":" not in host):
        return False
    try:
        _socket.inet_pton(_socket.AF_INET6 if ":" in host else _socket.AF_INET, host)
    except (OSError, ValueError):
        # An address in another form, or a name; or a text with a null byte or a surrogate.
        return False
    return True


def is_numeric(host: str | bytes | bytearray) -> bool:
    """Return whether `host` is an address in one of the C library's forms, such as ``127.1`` or ``fe80::1%lo``."""
    return is_plain(host) or numeric_addrinfo(host, None, 0, _socket.SOCK_STREAM, 0, 0) is not None


def numeric_addrinfo(
    host: Any, port: Any, family: int, type: int, proto: int, flags: int
) -> list[Any] | None:
    """Return the C library's answer, or raise its error, if `host` is an address or None; return None for a name."""
    if isinstance(host, HostName):
        return None
    if host == "":
        # It is never sent to a name server. The C library finds it in a line of the hosts file without a name.
        return getaddrinfo(host, port, family, type, proto, flags)
    if host is not None and host != "*":
        first = host[:1]
        # IPv4 addresses start with a digit, IPv6 addresses have a colon. The call would cut the host at a null byte.
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
            # Not an address; or an address with an unknown scope, which name services do not know either.
            return None
        raise


def _with_services(host: Any, found: list[Service], family: int, flags: int) -> list[Any]:
    """Return the C library's answer, without letting it read /etc/services, which takes long."""
    results: list[Any] = []
    for kind, _, _, canonical, address in getaddrinfo(host, 0, family, _socket.SOCK_STREAM, 0, flags):
        for one, protocol, port in found:
            rest = address[2:]
            results.append((kind, one, protocol, "" if results else canonical, (address[0], port, *rest)))
    return results


def digits_and_dots(name: str) -> bool:
    """Return whether gethostbyname(3) treats `name` as an address; it may still be an invalid one."""
    return name[:1] in DIGITS and not name.endswith(".") and all(letter in "0123456789." for letter in name)
