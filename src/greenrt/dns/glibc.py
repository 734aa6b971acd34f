"""The name functions of the socket module as glibc implements them, over any sources of hosts.

The C library itself does the parts that need no name service: numeric hosts, hints and services. The rest follows
getaddrinfo(3), gethostbyname(3) and getnameinfo(3) of glibc 2.36: the order in which sources are queried, the answers
that end the search, the error that is raised, and the order of the addresses.
"""

import _socket
import errno
import os
import sys
from collections.abc import Callable

from greenrt import _original
from greenrt._typing import Any
from greenrt.dns.address_order import sort_addresses
from greenrt.dns.etc.hosts import V4MAPPED, Host
from greenrt.dns.etc.nsswitch import Source, nsswitch
from greenrt.dns.hostname import encode
from greenrt.dns.interfaces import addresses, seen_families
from greenrt.dns.numeric import digits_and_dots, numeric_addrinfo
from greenrt.dns.search import HOST_NOT_FOUND, NO_DATA, TRY_AGAIN, Failure
from greenrt.dns.services import services
from greenrt.dns.sources import HostSource

__all__ = ["GlibcResolver"]

AF_INET, AF_INET6, AF_UNSPEC = _socket.AF_INET, _socket.AF_INET6, _socket.AF_UNSPEC

# The texts of gai_strerror(3) and hstrerror(3). The standard library does not offer these functions.
GAI_ERRORS = {
    _socket.EAI_NONAME: "Name or service not known",
    _socket.EAI_NODATA: "No address associated with hostname",
    _socket.EAI_AGAIN: "Temporary failure in name resolution",
}
HOST_ERRORS = {
    1: "Unknown host",
    2: "Host name lookup failure",
    3: "Unknown server error",
    4: "No address associated with name",
}
GAI_OF_HERRNO = {TRY_AGAIN: _socket.EAI_AGAIN, NO_DATA: _socket.EAI_NODATA}


def _gaierror(failure: Failure) -> _socket.gaierror:
    code = GAI_OF_HERRNO.get(failure.herrno, _socket.EAI_NONAME)
    return _socket.gaierror(code, GAI_ERRORS[code])


# The socket module's name for the IPv4 broadcast address.
BROADCAST = "<broadcast>"


class GlibcResolver:
    """The name functions over `sources`.

    sources: sources by their names in nsswitch.conf; the other names in that file count as unavailable sources.
    """

    def __init__(self, sources: dict[str, HostSource]) -> None:
        self._sources = sources

    def _first(self, ask: Callable[[HostSource], Host | Failure]) -> Host | Failure:
        """Query the sources in the order of nsswitch.conf, until an answer ends the search."""
        found: Host | Failure = Failure()
        for entry in nsswitch.get().hosts:
            source = self._sources.get(entry.name)
            if source is not None:
                found = ask(source)
            if _ends(entry, found if source is not None else Failure(unavailable=True)):
                break
        return found

    def _by_name(self, name: str, family: int, flags: int = 0) -> Host:
        """Return the host with a name that is not an address, or raise gaierror."""
        if family == AF_INET and not flags & _socket.AI_CANONNAME and digits_and_dots(name):
            raise _gaierror(Failure())
        mapped = flags & _socket.AI_V4MAPPED and family == AF_INET6
        every = bool(flags & _socket.AI_ALL)
        found = self._first(
            lambda source: _mapped(source, name, every) if mapped else source.by_name(name, family)
        )
        if isinstance(found, Failure):
            if found.useless and family == AF_INET and not flags & _socket.AI_CANONNAME:
                # In this case the C library calls gethostbyname2_r.
                found = Failure(NO_DATA)
            raise _gaierror(found)
        return found

    def getaddrinfo(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        """See `socket.getaddrinfo`; the results are raw, without enums. Park the greenlet."""
        if not isinstance(host, str | bytes | None):
            raise TypeError("getaddrinfo() argument 1 must be string or None")
        name = None if host is None else encode(host)
        numeric = numeric_addrinfo(name, port, family, type, proto, flags)
        if numeric is not None:
            return numeric
        assert name is not None
        # A plain `str`, also if the caller passed a `HostName`.
        name = str(name)
        sys.audit("socket.getaddrinfo", host, port, family, type, proto)
        # This also raises the error for a family without an interface (AI_ADDRCONFIG).
        found = services(port, family, type, proto, flags)
        if flags & _socket.AI_ADDRCONFIG and family == AF_UNSPEC:
            seen = seen_families(addresses())
            if len(seen) == 1:
                family = seen.pop()
        if flags & _socket.AI_NUMERICHOST:
            raise _gaierror(Failure())
        known = self._by_name(name, family, flags)
        canonical = (known.canonical or name) if flags & _socket.AI_CANONNAME else ""
        results: list[Any] = []
        for kind, packed in sort_addresses(known.addresses):
            text = _socket.inet_ntop(kind, packed)
            for one, protocol, number in found:
                address = (text, number) if kind == AF_INET else (text, number, 0, 0)
                results.append((kind, one, protocol, "" if results else canonical, address))
        return results

    def gethostbyname(self, hostname: Any) -> str:
        """See `socket.gethostbyname`. Park the greenlet."""
        name = _hostname("gethostbyname", hostname)
        if not name:
            return _original.gethostbyname(name)
        sys.audit("socket.gethostbyname", (hostname,))
        return _socket.inet_ntop(AF_INET, self._addresses(name, AF_INET)[0][1])

    def gethostbyname_ex(self, hostname: Any) -> tuple[str, list[str], list[str]]:
        """See `socket.gethostbyname_ex`. Park the greenlet."""
        name = _hostname("gethostbyname_ex", hostname)
        if name == BROADCAST:
            # gethostbyname(3) does not know this name.
            raise _socket.herror(HOST_NOT_FOUND, HOST_ERRORS[HOST_NOT_FOUND])
        if not name:
            return _original.gethostbyname_ex(name)
        sys.audit("socket.gethostbyname", (hostname,))
        numeric = _numeric(name, AF_INET)
        if numeric is None:
            host = self._by_name(name, AF_INET)
        elif digits_and_dots(name):
            host = Host(name, [], [numeric])
        else:
            # Another form of address. gethostbyname(3) knows only the usual form, and takes the others for names.
            host = _or_herror(self._first(lambda source: source.by_name(name, AF_INET)))
        return host.canonical, host.aliases, [_socket.inet_ntop(*pair) for pair in host.addresses]

    def gethostbyaddr(self, ip_address: Any) -> tuple[str, list[str], list[str]]:
        """See `socket.gethostbyaddr`; as there, the argument may be a name too. Park the greenlet."""
        name = _hostname("gethostbyaddr", ip_address)
        if not name:
            return _original.gethostbyaddr(name)
        sys.audit("socket.gethostbyaddr", (ip_address,))
        if name == BROADCAST:
            name = "255.255.255.255"
        family, packed = self._addresses(name, AF_UNSPEC)[0]
        host = _or_herror(self._by_address(family, packed))
        if host.addresses[0][0] != family:
            # The name servers were queried for the IPv4 address within the IPv6 address.
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        return host.canonical, host.aliases, [_socket.inet_ntop(family, packed)]

    def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        """See `socket.getnameinfo`. Park the greenlet."""
        numeric, service = _original.getnameinfo(
            sockaddr, (flags | _socket.NI_NUMERICHOST) & ~_socket.NI_NAMEREQD
        )
        if flags & _socket.NI_NUMERICHOST:
            return _original.getnameinfo(sockaddr, flags)
        family = AF_INET6 if ":" in numeric else AF_INET
        host = self._by_address(family, _socket.inet_pton(family, numeric.partition("%")[0]))
        if isinstance(host, Host):
            return host.canonical, service
        if host.herrno == TRY_AGAIN:
            raise _gaierror(host)
        if flags & _socket.NI_NAMEREQD:
            raise _gaierror(Failure())
        return numeric, service

    def _by_address(self, family: int, packed: bytes) -> Host | Failure:
        if packed == bytes(16):
            return Failure()
        return self._first(lambda source: source.by_address(family, packed))

    def _addresses(self, name: str, family: int) -> list[tuple[int, bytes]]:
        """Return the sorted addresses of a name or an address, or raise gaierror."""
        numeric = _numeric(name, family)
        return [numeric] if numeric else sort_addresses(self._by_name(str(name), family).addresses)


def _hostname(function: str, name: Any) -> str:
    if not isinstance(name, str | bytes | bytearray):
        raise TypeError(f"{function}() argument 1 must be str, bytes or bytearray, not {type(name).__name__}")
    return encode(name)


def _numeric(name: str, family: int) -> tuple[int, bytes] | None:
    """Return the address that `name` is; None if `name` is not an address. Raise gaierror for another family."""
    found = numeric_addrinfo(name, None, family, _socket.SOCK_STREAM, 0, 0)
    if found is None:
        return None
    kind, _, _, _, address = found[0]
    return kind, _socket.inet_pton(kind, address[0].partition("%")[0])


def _or_herror(found: Host | Failure) -> Host:
    if isinstance(found, Failure):
        raise _socket.herror(found.herrno, HOST_ERRORS[found.herrno])
    return found


def _ends(entry: Source, found: Host | Failure) -> bool:
    """Return whether the search ends after `entry`."""
    if isinstance(found, Host):
        return entry.ends_found
    return entry.ends_unavailable if found.unavailable else entry.ends_not_found


def _mapped(source: HostSource, name: str, every: bool) -> Host | Failure:
    """Return a host's IPv6 addresses. If it has none, or with `every`, add its IPv4 addresses in v4-mapped form."""
    six = source.by_name(name, AF_INET6)
    if isinstance(six, Host) and not every:
        # A source may list addresses in v4-mapped form. Only callers that want all addresses get these.
        real = [pair for pair in six.addresses if not pair[1].startswith(V4MAPPED)]
        return Host(six.canonical, six.aliases, real) if real else Failure()
    four = source.by_name(name, AF_INET)
    if isinstance(four, Host):
        mapped = [(int(AF_INET6), V4MAPPED + packed) for _, packed in four.addresses]
        if isinstance(six, Host):
            return Host(six.canonical, six.aliases, six.addresses + mapped)
        return Host(four.canonical, four.aliases, mapped)
    if isinstance(six, Host):
        return six
    known = {TRY_AGAIN, NO_DATA}
    if six.herrno in known and four.herrno in known:
        return Failure(max(six.herrno, four.herrno), six.unavailable or four.unavailable)
    return Failure(HOST_NOT_FOUND, six.unavailable or four.unavailable)
