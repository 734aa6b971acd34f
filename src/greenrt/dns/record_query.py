"""Query name servers for any type of record, without the hosts file and nsswitch.conf."""

from collections.abc import Iterable
from itertools import chain

from greenrt import _original
from greenrt._deadline import Deadline
from greenrt._hub.current_hub import get_hub
from greenrt._hub.park import as_seconds
from greenrt._typing import Any, Literal, overload
from greenrt.dns.answer import Answer, Malformed, NoData, NxDomain, ResolverError, TimedOut
from greenrt.dns.etc.resolvconf import resolv_conf
from greenrt.dns.records import CAA, HTTPS, MX, NAPTR, SOA, SRV, TLSA, TXT, URI
from greenrt.dns.search import candidates
from greenrt.dns.stub import Stub

__all__ = ["query"]

# The types of the arguments in the signatures below, and the types of records that are texts.
_Seconds = float | None
_Servers = Iterable[str] | None
_Text = Literal["A", "AAAA", "CNAME", "NS", "PTR"]

# Each thread has its own stub.
_here = _original.thread_local()


@overload
def query(
    name: str, rtype: _Text = ..., *, timeout: _Seconds = ..., servers: _Servers = ..., search: bool = ...
) -> Answer[str]: ...


@overload
def query(
    name: str, rtype: Literal["MX"], *, timeout: _Seconds = ..., servers: _Servers = ..., search: bool = ...
) -> Answer[MX]: ...


@overload
def query(
    name: str, rtype: Literal["SRV"], *, timeout: _Seconds = ..., servers: _Servers = ..., search: bool = ...
) -> Answer[SRV]: ...


@overload
def query(
    name: str, rtype: Literal["TXT"], *, timeout: _Seconds = ..., servers: _Servers = ..., search: bool = ...
) -> Answer[TXT]: ...


@overload
def query(
    name: str, rtype: Literal["CAA"], *, timeout: _Seconds = ..., servers: _Servers = ..., search: bool = ...
) -> Answer[CAA]: ...


@overload
def query(
    name: str, rtype: Literal["SOA"], *, timeout: _Seconds = ..., servers: _Servers = ..., search: bool = ...
) -> Answer[SOA]: ...


@overload
def query(
    name: str,
    rtype: Literal["NAPTR"],
    *,
    timeout: _Seconds = ...,
    servers: _Servers = ...,
    search: bool = ...,
) -> Answer[NAPTR]: ...


@overload
def query(
    name: str,
    rtype: Literal["HTTPS"],
    *,
    timeout: _Seconds = ...,
    servers: _Servers = ...,
    search: bool = ...,
) -> Answer[HTTPS]: ...


@overload
def query(
    name: str, rtype: Literal["TLSA"], *, timeout: _Seconds = ..., servers: _Servers = ..., search: bool = ...
) -> Answer[TLSA]: ...


@overload
def query(
    name: str, rtype: Literal["URI"], *, timeout: _Seconds = ..., servers: _Servers = ..., search: bool = ...
) -> Answer[URI]: ...


@overload
def query(
    name: str, rtype: str, *, timeout: _Seconds = ..., servers: _Servers = ..., search: bool = ...
) -> Answer[Any]: ...


def query(
    name: str,
    rtype: str = "A",
    *,
    timeout: float | None = None,
    servers: Iterable[str] | None = None,
    search: bool = False,
) -> Answer[Any]:
    """Return the records of type `rtype` that `name` has, queried as ``/etc/resolv.conf`` says. Park the greenlet.

    name: absolute name, with or without its last dot. A name with other characters than ASCII is encoded by IDNA
        2003. For PTR, an address stands for its name in ``in-addr.arpa`` or ``ip6.arpa``.
    rtype: A, AAAA, CNAME, NS and PTR return strings; MX, SRV, TXT, CAA, SOA, NAPTR, HTTPS, TLSA and URI return the
        dataclasses of `greenrt.dns`. `Answer.records` has them in the server's order.
    timeout: seconds for the whole query; None uses the timeouts of resolv.conf.
    servers: addresses (``address``, ``address:port``, ``[address]:port``) to use instead of the configured servers.
    search: whether a name with few dots (``ndots``) is also tried in the search domains of resolv.conf.

    Raise NxDomain, NoData, ServFail, TimedOut or Malformed, which are all `ResolverError`. Raise ValueError for an
    unknown type and for invalid server addresses, TypeError for arguments of other types. May be called from any
    thread. Sources: RFC 1035, resolv.conf(5).
    """
    limit = None if timeout is None else as_seconds(timeout)
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {name!r}")
    stub = getattr(_here, "stub", None)
    if stub is None or stub.hub is not get_hub():
        stub = _here.stub = Stub()
    configuration = resolv_conf.get()
    stub.configure(configuration)
    plain = _in_ascii(name, rtype)
    # If the search list has the root, the name itself is in the lists twice.
    names = list(dict.fromkeys(chain(*candidates(plain, configuration)))) if search else [plain]
    deadline = Deadline(limit)
    failure: ResolverError | None = None
    for candidate in names:
        if deadline.passed():
            raise TimedOut(candidate, rtype)
        try:
            return stub.query(candidate, rtype, timeout=deadline.left(), servers=servers)
        except (NxDomain, NoData) as error:
            # A name that exists without such a record says more than a name that does not exist.
            if failure is None or isinstance(failure, NxDomain):
                failure = error
    assert failure is not None
    try:
        raise failure
    finally:
        # The traceback of the error refers to this frame: a cycle.
        failure = None


def _in_ascii(name: str, rtype: str) -> str:
    if rtype == "PTR":
        # Imported on first use: the import takes long.
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
        raise Malformed(name, rtype, f"IDNA cannot encode the name: {error}") from None
