"""Results of a query to name servers: the answer, or the error that gives the reason why there is none."""

from dataclasses import dataclass, field

from greenrt._typing import Generic, TypeVar

__all__ = ["Answer", "Dangling", "Malformed", "NoData", "NxDomain", "ResolverError", "ServFail", "TimedOut"]


# A type of records: `str`, or a dataclass of `greenrt.dns`.
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """The records of one type that a name has.

    canonical: owner of the records, at the end of the chain of CNAMEs; without a trailing dot.
    records: textual addresses for A and AAAA; names for NS, PTR and CNAME; dataclasses of
        `greenrt.dns` for the other types.
    cnames: names of the chain before `canonical`, the queried name first; empty if the queried name owns the records.
    ttl: smallest time to live in the chain and the records, in seconds.
    """

    canonical: str
    records: list[R]
    cnames: list[str] = field(default_factory=list)
    ttl: int = 0


class ResolverError(OSError):
    """A query to name servers returned no records.

    name: absolute name that was queried. rtype: type of record, such as ``"AAAA"``. detail: reason; if it is empty,
    the message has the `reason` of the class.
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
    """The name exists, but it has no record of this type."""

    reason = "the name has no such record"


class Dangling(NoData):
    """The name is an alias of a name without such a record, or the answer is about other names."""

    reason = "the answer has records, but not this one"


class ServFail(ResolverError):
    """The servers failed or refused (RCODE 2, 4, 5)."""

    reason = "the servers failed or refused"


class TimedOut(ResolverError, TimeoutError):
    """No server answered before the timeout."""

    reason = "no server answered in time"


class Malformed(ResolverError):
    """The name cannot be queried (a server may say so: RCODE 1), or the answer is invalid."""

    reason = "the name cannot be queried, or the answer is invalid"
