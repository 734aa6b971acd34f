"""``/etc/nsswitch.conf``: where names of hosts and services are looked up, in which order (nsswitch.conf(5))."""

import re
from dataclasses import dataclass
from enum import Enum

from greenrt.dns.reloaded import Reloaded

__all__ = ["Nsswitch", "Source", "Status", "nsswitch", "parse"]


class Status(Enum):
    """How the lookup in one source ended."""

    SUCCESS = "success"
    NOTFOUND = "notfound"
    UNAVAIL = "unavail"
    TRYAGAIN = "tryagain"


@dataclass(frozen=True, slots=True)
class Source:
    """One source of a line.

    name: such as ``"files"``. returns: the statuses after which no further source is asked.
    """

    name: str
    returns: frozenset[Status] = frozenset({Status.SUCCESS})


@dataclass(frozen=True, slots=True)
class Nsswitch:
    """What the file says of the two databases that matter here.

    plain: whether `hosts` is as said, and names nothing but files and dns.
    """

    hosts: tuple[Source, ...]
    services: tuple[Source, ...]
    plain: bool


# What the C library does without a line.
DEFAULTS = {b"hosts": b"files dns", b"services": b"files"}
TOKEN = re.compile(rb"\[([^\]]*)\]|([^\s\[\]]+)")
ITEM = re.compile(rb"\s*(!?)\s*(\w+)\s*=\s*(\w+)")


def parse(data: bytes) -> Nsswitch:
    """Return what the text `data` of the file says; for a database without a line, the C library's default."""
    lines = dict(DEFAULTS)
    for raw in data.split(b"\n"):
        database, colon, rest = raw.partition(b"#")[0].partition(b":")
        if colon and database.strip() in lines:
            lines[database.strip()] = rest
    hosts, plain = _sources(lines[b"hosts"])
    services, _ = _sources(lines[b"services"])
    plain = plain and all(source.name in ("files", "dns") for source in hosts)
    return Nsswitch(hosts, services, plain)


def _sources(text: bytes) -> tuple[tuple[Source, ...], bool]:
    """Return the sources, and whether every action was understood."""
    sources: list[Source] = []
    plain = True
    for actions, name in TOKEN.findall(text):
        if name:
            sources.append(Source(name.decode("latin-1")))
        elif sources:
            returns, understood = _returns(actions, sources[-1].returns)
            sources[-1] = Source(sources[-1].name, returns)
            plain = plain and understood
        else:
            plain = False
    return tuple(sources), plain


def _returns(text: bytes, given: frozenset[Status]) -> tuple[frozenset[Status], bool]:
    """Return the statuses that end the search after the actions ``[text]``, and whether all were understood."""
    returns = set(given)
    understood = bool(text.strip())
    for negated, status, action in ITEM.findall(text):
        try:
            named = {Status(status.decode().lower())}
        except ValueError:
            understood = False
            continue
        chosen = set(Status) - named if negated else named
        if action.lower() == b"return":
            returns |= chosen
        elif action.lower() == b"continue":
            returns -= chosen
        else:
            # merge
            understood = False
    return frozenset(returns), understood and not ITEM.sub(b"", text).strip()


nsswitch = Reloaded("/etc/nsswitch.conf", parse)
