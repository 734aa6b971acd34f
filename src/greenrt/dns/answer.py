"""What a question to name servers brings: an answer, or the error that says why there is none."""

from dataclasses import dataclass, field

from greenrt._typing import Any

__all__ = ["Answer", "Dangling", "Malformed", "NoData", "NxDomain", "ResolverError", "ServFail", "TimedOut"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The records of one type that a name has.

    canonical: the owner of the records, at the end of the chain of CNAMEs; no trailing dot.
    records: A and AAAA as textual addresses, NS, PTR and CNAME as names, other types as
        the dataclasses of `greenrt.dns.records`.
    cnames: the names on the way, the one asked for first; empty if it owns the records itself.
    ttl: the smallest time to live on the way, in seconds.
    """

    canonical: str
    records: list[Any]
    cnames: list[str] = field(default_factory=list)
    ttl: int = 0


class ResolverError(OSError):
    """A question to name servers was not answered with records.

    name: the absolute name that was asked for. rtype: the type of record, such as ``"AAAA"``.
    """

    reason = "failed"

    def __init__(self, name: str = "", rtype: str = "", detail: str = "") -> None:
        super().__init__(f"{rtype} of {name!r}: {detail or self.reason}")
        self.name = name
        self.rtype = rtype
        self.detail = detail


class NxDomain(ResolverError):
    """The name does not exist (RCODE 3)."""

    reason = "the name does not exist"


class NoData(ResolverError):
    """The name exists, but has no record of this type."""

    reason = "the name has no such record"


class Dangling(NoData):
    """The name is an alias of one without such a record, or the answer is about other names."""

    reason = "the answer has records, but not this one"


class ServFail(ResolverError):
    """The servers failed or refused (RCODE 2, 4, 5)."""

    reason = "the servers failed or refused"


class TimedOut(ResolverError, TimeoutError):
    """No server answered in time."""

    reason = "no server answered in time"


class Malformed(ResolverError):
    """The name cannot be asked for (the server may say so: RCODE 1), or the answer makes no sense."""

    reason = "the name cannot be asked for, or the answer makes no sense"
