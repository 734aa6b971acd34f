"""What one question to a name server brought."""

from dataclasses import dataclass, field

from greenrt._typing import Any

__all__ = ["Answer"]


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
