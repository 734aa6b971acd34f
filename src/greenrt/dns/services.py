"""The socket types, protocols and ports of a service: the C library's answers, cached."""

import _socket

from greenrt._original import getaddrinfo
from greenrt._typing import Any
from greenrt.dns.etc.config_file import Reloaded

__all__ = ["Service", "is_service_name", "leaves_machine", "services"]

# Type of socket, protocol, port.
Service = tuple[int, int, int]
Known = dict[tuple[Any, int, int, int, int], list[Service]]

# The C library needs more than 100 us to read /etc/services. A change of the file clears this cache.
_known: Reloaded[Known] = Reloaded("/etc/services", lambda data: {})
# The same for numeric ports, which do not depend on a file.
_numbers: Known = {}
MAX_KNOWN = 1000


def is_service_name(port: Any) -> bool:
    """Return whether `port` is a service name, which has to be looked up."""
    return isinstance(port, str | bytes) and not port.isdigit()


def leaves_machine(port: Any) -> bool:
    """Return whether a lookup of the service `port` may query other machines, and so block."""
    if not is_service_name(port):
        return False
    # Imported on first use: the import takes long, and most ports are numbers.
    from greenrt.dns.etc.nsswitch import nsswitch

    return not nsswitch.get().plain_services


def services(port: Any, family: int, type: int, proto: int, flags: int) -> list[Service]:
    """Return the sockets for getaddrinfo's arguments as (type, protocol, port); the host does not matter.

    Raise the error of getaddrinfo(3) or of the socket module for a bad port, family, type, protocol or flag.
    """
    # The effect of AI_ADDRCONFIG changes with the interfaces.
    if flags & _socket.AI_ADDRCONFIG or not isinstance(port, int | str | bytes):
        return _ask(port, family, type, proto, flags)
    known = _known.get() if is_service_name(port) else _numbers
    key = (port, family, type, proto, flags)
    found = known.get(key)
    if found is None:
        found = _ask(port, family, type, proto, flags)
        if len(known) >= MAX_KNOWN:
            known.clear()
        known[key] = found
    return found


def _ask(port: Any, family: int, type: int, proto: int, flags: int) -> list[Service]:
    host = "::1" if family == _socket.AF_INET6 else "127.0.0.1"
    if family == _socket.AF_UNSPEC:
        # Otherwise one of the two hosts may have no answer.
        flags &= ~_socket.AI_ADDRCONFIG
    found = getaddrinfo(host, port, family, type, proto, flags | _socket.AI_NUMERICHOST)
    return [(entry[1], entry[2], int(entry[4][1])) for entry in found]
