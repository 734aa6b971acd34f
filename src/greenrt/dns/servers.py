"""Addresses of name servers, as they are written in configurations."""

import _socket

from greenrt._original import getaddrinfo
from greenrt.dns.exchange import Server

__all__ = ["parse_server"]

PORT = 53


def parse_server(text: str) -> Server:
    """Return family and socket address of ``address``, ``address:port`` or ``[address]:port``, else ValueError."""
    host, port = text, str(PORT)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    flags = _socket.AI_NUMERICHOST | _socket.AI_NUMERICSERV
    try:
        found = getaddrinfo(host, int(port), 0, _socket.SOCK_DGRAM, 0, flags)
    except (OSError, ValueError, OverflowError) as error:
        raise ValueError(
            f"not the address of a name server: {text!r} ({error}); write address, address:port or [address]:port"
        ) from None
    return found[0][0], found[0][4]
