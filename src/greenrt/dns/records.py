"""Check the records of a DNS answer, and convert them to the types of `greenrt.dns`.

A name server, or a forger of its answers, chooses every byte of an answer. A record is ignored if its owner is
neither the queried name nor the end of the name's chain of CNAMEs (RFC 2181, 5.4.1). Names that no host can have are
ignored too (RFC 952, RFC 1123, and the underscore, as glibc's res_hnok), and so are texts with control characters.
The rest of an answer is either useful or Malformed.
"""

import re
from dataclasses import dataclass

from greenrt._typing import Any
from greenrt.dns.answer import Answer, Dangling, Malformed, NoData
from greenrt.dns.cares import TYPES

__all__ = ["CAA", "HTTPS", "MX", "NAPTR", "SOA", "SRV", "TLSA", "TXT", "URI", "check_name", "read_answer"]

# An honest chain of CNAMEs in one answer is not longer.
MAX_CHAIN = 16

_HOST = re.compile(r"\.|[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*\.?")
# Owners in the chain to a PTR record may have a slash (RFC 2317). A backslash begins an escaped byte.
_OWNER = re.compile(r"[!-\[\]-~]+")
_ASKED = re.compile(r"\.|([!#-\-/-\[\]-~]{1,63}\.)*[!#-\-/-\[\]-~]{1,63}\.?")
# The first label of a mail address may have an escaped dot.
_MAILBOX = re.compile(r"\.|([!-\[\]-~]|\\\.)+")
_TEXT = re.compile(r"[ -~]*")


@dataclass(frozen=True, slots=True, order=True)
class MX:
    """A mail exchange (RFC 1035). Lower preferences first. An empty `exchange`: no mail for the domain (RFC 7505)."""

    preference: int
    exchange: str


@dataclass(frozen=True, slots=True, order=True)
class SRV:
    """The location of a service (RFC 2782). Lower priorities first. An empty `target`: the service is not offered."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class TXT:
    """A text (RFC 1035), with its strings joined. It may have any bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CAA:
    """The authority that may issue certificates for the domain (RFC 8659). `flags`: 128 is critical."""

    flags: int
    tag: str
    value: str


@dataclass(frozen=True, slots=True)
class SOA:
    """The start of a zone (RFC 1035); times in seconds."""

    mname: str
    rname: str
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int


@dataclass(frozen=True, slots=True, order=True)
class NAPTR:
    """A rule that rewrites names (RFC 3403). Lower orders first, then lower preferences."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str


@dataclass(frozen=True, slots=True)
class HTTPS:
    """How to reach an HTTPS service (RFC 9460). An empty `target`: the owner itself. `params`: (key, value) pairs."""

    priority: int
    target: str
    params: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class TLSA:
    """The certificate of a service (RFC 6698)."""

    usage: int
    selector: int
    matching_type: int
    data: bytes


@dataclass(frozen=True, slots=True, order=True)
class URI:
    """The location of a service, as a URI (RFC 7553). Lower priorities first."""

    priority: int
    weight: int
    target: str


def check_name(name: str, rtype: str) -> str:
    """Return an absolute name without its last dot. Raise Malformed for an invalid name, ValueError for the type.

    Raise TypeError if one of them is not a `str`.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {name!r}")
    if not isinstance(rtype, str):
        raise TypeError(f"rtype must be a str such as 'AAAA', not {rtype!r}")
    if rtype not in TYPES:
        raise ValueError(f"record type {rtype!r} is not supported; use one of {', '.join(TYPES)}")
    if len(name) > 254 or not _ASKED.fullmatch(name) or len(plain := name.rstrip(".") or ".") > 253:
        raise Malformed(name, rtype, "the name cannot be queried")
    return plain


def read_answer(name: str, rtype: str, said: list[tuple[str, int, int, Any]]) -> Answer[Any]:
    """Return the answer for `name`, a result of `check_name`, from `said`: records as (owner, type, ttl, data).

    Raise NoData or Dangling if there is no record for the name, Malformed if all its records are invalid.
    """
    number = TYPES[rtype]
    cnames: list[str] = []
    ttls: list[int] = []
    where = name
    for owner, kind, _, _ in said:
        if kind != number or owner != name:
            where, said = _follow(name, rtype, said, cnames, ttls)
            break
    reader = _READERS[rtype]
    records = []
    for _, _, ttl, data in said:
        value = reader(data, name)
        if value is not None:
            records.append(value)
            ttls.append(ttl)
    if not records:
        raise (Malformed(name, rtype, "the answer has no valid record") if said else NoData(name, rtype))
    return Answer(where, records, cnames, min(ttls))


def _follow(
    name: str, rtype: str, said: list[tuple[str, int, int, Any]], cnames: list[str], ttls: list[int]
) -> tuple[str, list[tuple[str, int, int, Any]]]:
    """Return the end of the chain of CNAMEs and its records; append the chain to `cnames` and `ttls`."""
    number = TYPES[rtype]
    aliases: dict[str, tuple[str, int]] = {}
    found: dict[str, list[tuple[str, int, int, Any]]] = {}
    for record in said:
        owner, kind, ttl, data = record
        if kind == number:
            found.setdefault(_folded(owner), []).append(record)
        elif kind == TYPES["CNAME"]:
            aliases.setdefault(_folded(owner), (data, ttl))
    shape = _HOST if rtype in ("A", "AAAA") else _OWNER
    where = name
    while _folded(where) not in found:
        target, ttl = aliases.get(_folded(where), (None, 0))
        if target is None:
            raise Dangling(name, rtype)
        cnames.append(where)
        ttls.append(ttl)
        where = _respelled(target, name)
        # This limit also ends a loop of CNAMEs.
        if len(cnames) > MAX_CHAIN or not shape.fullmatch(where):
            raise Malformed(name, rtype, "the answer has an invalid chain of CNAMEs")
    return where, found[_folded(where)]


def _folded(name: Any) -> str:
    # pycares returns bytes if they are not ASCII. Such a name never equals a queried one.
    return str(name).rstrip(".").lower()


def _respelled(name: Any, asked: str) -> str:
    """Return `name` without its last dot; its last labels that equal those of `asked` get the spelling of `asked`.

    Queries have random letter case (DNS 0x20). An answer repeats it in the question, and in each name that is
    compressed by a pointer to the question.
    """
    labels = str(name).rstrip(".").split(".")
    for index, label in zip(range(-1, -len(labels) - 1, -1), reversed(asked.split(".")), strict=False):
        if labels[index].lower() != label.lower():
            break
        labels[index] = label
    return ".".join(labels)


def _host(name: Any, asked: str) -> str | None:
    """Return the name of a host, "" for the root, or None if no host can have the name."""
    if not isinstance(name, str) or not _HOST.fullmatch(name or "."):
        return None
    return _respelled(name, asked)


def _texts(*texts: Any) -> bool:
    return all(isinstance(text, str) and _TEXT.fullmatch(text) for text in texts)


def _read_name(data: Any, asked: str) -> str | None:
    # The root is neither a host nor a name server.
    return _host(data, asked) or None


def _read_mx(data: Any, asked: str) -> MX | None:
    exchange = _host(data.exchange, asked)
    return None if exchange is None else MX(data.priority, exchange)


def _read_srv(data: Any, asked: str) -> SRV | None:
    target = _host(data.target, asked)
    return None if target is None else SRV(data.priority, data.weight, data.port, target)


def _read_caa(data: Any, asked: str) -> CAA | None:
    return CAA(data.critical, data.tag, data.value) if _texts(data.tag, data.value) else None


def _read_soa(data: Any, asked: str) -> SOA | None:
    mname = _host(data.mname, asked)
    rname = data.rname
    if mname is None or not isinstance(rname, str) or not _MAILBOX.fullmatch(rname or "."):
        return None
    times = (data.serial, data.refresh, data.retry, data.expire, data.minimum)
    return SOA(mname, _respelled(rname, asked), *times)


def _read_naptr(data: Any, asked: str) -> NAPTR | None:
    replacement = _host(data.replacement, asked)
    if replacement is None or not _texts(data.flags, data.service, data.regexp):
        return None
    return NAPTR(data.order, data.preference, data.flags, data.service, data.regexp, replacement)


def _read_https(data: Any, asked: str) -> HTTPS | None:
    target = _host(data.target, asked)
    return None if target is None else HTTPS(data.priority, target, tuple(data.params))


def _read_uri(data: Any, asked: str) -> URI | None:
    if not _texts(data.target) or " " in data.target:
        return None
    return URI(data.priority, data.weight, data.target)


# Each function takes the data and the queried name. It returns the record, or None if the data is invalid.
_READERS: dict[str, Any] = {
    "A": lambda data, asked: data,
    "AAAA": lambda data, asked: data,
    "CNAME": _read_name,
    "NS": _read_name,
    "PTR": _read_name,
    "MX": _read_mx,
    "SRV": _read_srv,
    "TXT": lambda data, asked: TXT(bytes(data.data)),
    "CAA": _read_caa,
    "SOA": _read_soa,
    "NAPTR": _read_naptr,
    "HTTPS": _read_https,
    "TLSA": lambda data, asked: TLSA(
        data.cert_usage, data.selector, data.matching_type, data.cert_association_data
    ),
    "URI": _read_uri,
}
