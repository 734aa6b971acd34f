"""Any type of record, asked for directly: no hosts file, no nsswitch.conf."""

from itertools import chain

from greenrt import _original
from greenrt._hub.current_hub import get_hub
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.dns.answer import Answer, Malformed, NoData, NxDomain, ResolverError, TimedOut
from greenrt.dns.etc.resolvconf import resolv_conf
from greenrt.dns.search import candidates
from greenrt.dns.stub import Stub

__all__ = ["query"]

# The stub of each thread.
_here = _original.thread_local()


def query(
    name: str, rtype: str = "A", *, timeout: float | None = None, servers: Any = None, search: bool = False
) -> Answer:
    """Return the records of type `rtype` that `name` has, asked for as ``/etc/resolv.conf`` says. Parks the greenlet.

    rtype: A, AAAA, CNAME, NS and PTR give strings; MX, SRV, TXT, CAA, SOA, NAPTR, HTTPS, TLSA and URI the dataclasses
    of `greenrt.dns`; all in ``.records`` of the `Answer`, in the server's order. name: absolute, with or without the
    last dot; not in ASCII: by IDNA 2003; an address with PTR stands for its name in ``in-addr.arpa`` or ``ip6.arpa``.
    timeout: seconds in all. servers: addresses (address:port, [address]:port) to ask instead of the configured ones.
    search: try the domains of resolv.conf too, for a name with few dots (``ndots``).

    Raises NxDomain, NoData, ServFail, TimedOut or Malformed, all `ResolverError`; ValueError for an unknown type and
    for servers that are no addresses. From any thread. Sources: RFC 1035, resolv.conf(5).
    """
    stub = getattr(_here, "stub", None)
    if stub is None or stub.hub is not get_hub():
        stub = _here.stub = Stub()
    configuration = resolv_conf.get()
    stub.configure(configuration)
    plain = _in_ascii(name, rtype)
    # A list with the root in it has the name itself twice.
    names = list(dict.fromkeys(chain(*candidates(plain, configuration)))) if search else [plain]
    end = None if timeout is None else monotonic() + timeout
    failure: ResolverError | None = None
    for candidate in names:
        left = None if end is None else end - monotonic()
        if left is not None and left <= 0:
            raise TimedOut(candidate, rtype)
        try:
            return stub.query(candidate, rtype, timeout=left, servers=servers)
        except (NxDomain, NoData) as error:
            # That a name exists says more than that another does not.
            if failure is None or isinstance(failure, NxDomain):
                failure = error
    assert failure is not None
    try:
        raise failure
    finally:
        # The error's traceback refers to this frame: a cycle.
        failure = None


def _in_ascii(name: str, rtype: str) -> str:
    if rtype == "PTR":
        # Late: it takes long to import.
        import ipaddress

        try:
            return ipaddress.ip_address(name).reverse_pointer
        except ValueError:
            pass
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except UnicodeError as error:
        raise Malformed(name, rtype, f"no name of a host in IDNA: {error}") from None
