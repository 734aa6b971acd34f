"""eventlet.support.greendns: names of hosts, by greenrt's own resolver.

Which names are asked where is greenrt's affair: see `hub.resolver`. Its classes and its packets are not offered.
"""

import ipaddress
from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.green import socket

__all__ = [
    "getaddrinfo",
    "gethostbyname",
    "gethostbyname_ex",
    "getnameinfo",
    "is_ip_addr",
    "is_ipv4_addr",
    "is_ipv6_addr",
]


getaddrinfo: Callable[..., Any] = socket.getaddrinfo
gethostbyname: Callable[..., Any] = socket.gethostbyname
gethostbyname_ex: Callable[..., Any] = socket.gethostbyname_ex
getnameinfo: Callable[..., Any] = socket.getnameinfo


def is_ipv4_addr(host: str) -> bool:
    """Return whether `host` is an IPv4 address."""
    return _is(ipaddress.IPv4Address, host)


def is_ipv6_addr(host: str) -> bool:
    """Return whether `host` is an IPv6 address, with or without a scope."""
    return _is(ipaddress.IPv6Address, host)


def is_ip_addr(host: str) -> bool:
    """Return whether `host` is an IPv4 or IPv6 address."""
    return is_ipv4_addr(host) or is_ipv6_addr(host)


def _is(kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address], host: str) -> bool:
    try:
        kind(host.split("%")[0])
    except ValueError:
        return False
    return True


_OWN = "greenrt has a resolver of its own: see greenrt.get_hub().resolver"

__getattr__: Callable[[str], Any] = missing_names(
    __name__,
    dict.fromkeys(
        ("HostsAnswer", "HostsResolver", "ResolverProxy", "resolve", "resolver", "reset", "tcp", "udp"), _OWN
    ),
)
