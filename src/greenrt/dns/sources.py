"""The sources of hosts that nsswitch.conf can name and greenrt implements: files and dns."""

import _socket
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from greenrt._typing import Any, Protocol
from greenrt.dns.answer import Answer, Dangling, NoData, NxDomain, ResolverError, ServFail, TimedOut
from greenrt.dns.etc.hosts import V4MAPPED, Host, hosts, multi
from greenrt.dns.etc.resolvconf import ResolvConf, resolv_conf
from greenrt.dns.hostname import is_hostname
from greenrt.dns.search import Failure, failure_of, search

__all__ = ["Dns", "Files", "HostSource", "Trace", "arpa_name", "has_host_aliases"]

AF_INET, AF_INET6, AF_UNSPEC = _socket.AF_INET, _socket.AF_INET6, _socket.AF_UNSPEC
RTYPES = {AF_INET: ["A"], AF_INET6: ["AAAA"], AF_UNSPEC: ["A", "AAAA"]}
FAMILIES = {"A": AF_INET, "AAAA": AF_INET6}

# Called with each step of a lookup, as a line of text.
Trace = Callable[[str], None] | None


class HostSource(Protocol):
    """A source of hosts."""

    def by_name(self, name: str, family: int) -> Host | Failure:
        """Return the host, with its addresses of `family` only, or of all families for AF_UNSPEC."""

    def by_address(self, family: int, packed: bytes) -> Host | Failure:
        """Return the host with this address."""


class Files:
    """``/etc/hosts``."""

    def __init__(self, trace: Trace = None) -> None:
        self._trace = trace

    def by_name(self, name: str, family: int) -> Host | Failure:
        """See `HostSource`."""
        table = hosts.get()
        host = table.by_name(name, family, multiple=False)
        if host is not None and multi.get():
            host = table.by_name(name, family)
        return self._found(name, host)

    def by_address(self, family: int, packed: bytes) -> Host | Failure:
        """See `HostSource`."""
        return self._found(_socket.inet_ntop(family, packed), hosts.get().by_address(family, packed))

    def _found(self, wanted: str, host: Host | None) -> Host | Failure:
        if self._trace:
            self._trace(f"hosts {hosts.path}: {wanted}: {'found' if host else 'no line'}")
        return host or Failure()


class Dns:
    """Name servers, queried by a `Stub` as the current ``/etc/resolv.conf`` says.

    servers: addresses of name servers to use instead of those in the file.
    """

    def __init__(self, stub: Any, servers: Sequence[str] | None = None, trace: Trace = None) -> None:
        self._stub = stub
        self._servers = None if servers is None else tuple(servers)
        self._trace = trace
        self._conf: ResolvConf | None = None

    def _configured(self) -> ResolvConf:
        conf = resolv_conf.get()
        if conf is not self._conf:
            self._stub.configure(conf if self._servers is None else replace(conf, servers=self._servers))
            self._conf = conf
        return conf

    def by_name(self, name: str, family: int) -> Host | Failure:
        """See `HostSource`."""
        conf = self._configured()
        if not is_hostname(name):
            return Failure()
        if self._trace:
            servers = " ".join(self._servers or conf.servers)
            words = " ".join(domain or "." for domain in conf.search) or "nothing"
            self._trace(f"dns: servers {servers}; search {words}; ndots {conf.ndots}")
        if conf.no_aaaa and family == AF_INET6:
            return search(name, conf, self._refuse)
        rtypes = RTYPES[AF_INET] if conf.no_aaaa else RTYPES.get(family, RTYPES[AF_UNSPEC])
        return search(name, conf, lambda absolute: self._ask(absolute, rtypes, conf.single_request))

    def by_address(self, family: int, packed: bytes) -> Host | Failure:
        """See `HostSource`."""
        self._configured()
        if packed[:12] in (V4MAPPED, bytes(12)) and packed[12:] not in (b"", b"\0\0\0\1"):
            family, packed = AF_INET, packed[12:]
        try:
            names = self._result(self._submit(arpa_name(family, packed), "PTR")).records
        except ResolverError as error:
            return failure_of(error)
        return Host(names[0], names[1:], [(family, packed)])

    def _refuse(self, name: str) -> Host:
        """Fail with the error for a name without an IPv6 address, or of a name that does not exist."""
        self._ask(name, ["A"], True)
        raise NoData(name, "AAAA", "AAAA is not queried, because of no-aaaa in resolv.conf")

    def _ask(self, name: str, rtypes: list[str], one_by_one: bool) -> Host:
        """Return the servers' answer for an absolute name; raise one error if no type has an answer.

        one_by_one: whether the next type is queried after the answer for the previous one.
        """
        errors: list[ResolverError] = []
        found: list[tuple[int, Answer[Any]]] = []
        lookups: list[Any] = []
        try:
            for at, rtype in enumerate(rtypes):
                # All types are sent before the first answer is awaited.
                while len(lookups) <= (at if one_by_one else len(rtypes) - 1):
                    lookups.append(self._submit(name, rtypes[len(lookups)]))
                try:
                    found.append((FAMILIES[rtype], self._result(lookups[at])))
                except ResolverError as error:
                    errors.append(error)
        finally:
            for lookup in lookups:
                lookup.cancel()
        if not found:
            raise _take_worst(errors)
        return Host(
            found[0][1].canonical,
            list(found[0][1].cnames),
            [
                (family, _socket.inet_pton(family, text))
                for family, answer in found
                for text in answer.records
            ],
        )

    def _submit(self, name: str, rtype: str) -> Any:
        if self._trace:
            self._trace(f"dns: ask for {rtype} of {name}")
        return self._stub.submit(name, rtype)

    def _result(self, lookup: Any) -> Answer[Any]:
        try:
            answer: Answer[Any] = lookup.result()
        except ResolverError as error:
            if self._trace:
                self._trace(f"dns: {error}")
            raise
        if self._trace:
            way = "".join(f" {name} ->" for name in answer.cnames)
            self._trace(
                f"dns:{way} {answer.canonical}: {', '.join(map(str, answer.records))} (ttl {answer.ttl})"
            )
        return answer


def _take_worst(errors: list[ResolverError]) -> ResolverError:
    """Return the error that counts, and empty the list: the tracebacks of the errors refer to the list's frame."""
    worst = min(errors, key=_rank)
    errors.clear()
    return worst


def _rank(error: ResolverError) -> int:
    """Return the rank of a failure: of two failures of a name, the lower rank counts."""
    for rank, kind in enumerate((Dangling, ServFail, TimedOut, NxDomain)):
        if isinstance(error, kind):
            return rank
    return 3


def arpa_name(family: int, packed: bytes) -> str:
    """Return the name for an address in the DNS (RFC 1035 3.5, RFC 3596 2.5)."""
    if family == AF_INET:
        return ".".join(str(byte) for byte in reversed(packed)) + ".in-addr.arpa"
    return ".".join(reversed(packed.hex())) + ".ip6.arpa"


def has_host_aliases(name: str) -> bool:
    """Return whether the user may have an alias for `name` (hostname(7)). Only the C library reads these aliases."""
    return "." not in name and "HOSTALIASES" in os.environ
