"""``/etc/nsswitch.conf``: where names of hosts and services are looked up, in which order (nsswitch.conf(5))."""

import re
from enum import Enum

from greenrt.dns.reloaded import Reloaded

__all__ = ["Nsswitch", "Source", "Status", "nsswitch", "parse"]


class Status(Enum):
    """How the lookup in one source ended."""

    SUCCESS = "success"
    NOTFOUND = "notfound"
    UNAVAIL = "unavail"
    TRYAGAIN = "tryagain"


class Source:
    """One source of a line.

    name: such as ``"files"``. returns: the statuses after which no further source is asked; `ends_...` say so of
    each status that a search can have here.
    """

    # No dataclass: those take long to import, and a numeric host with a service comes by here.
    __slots__ = ("ends_found", "ends_not_found", "ends_unavailable", "name", "returns")

    def __init__(self, name: str, returns: frozenset[Status] = frozenset({Status.SUCCESS})) -> None:
        self.name = name
        self.returns = returns
        # Each lookup asks: not to compute hashes there.
        self.ends_found = Status.SUCCESS in returns
        self.ends_not_found = Status.NOTFOUND in returns
        self.ends_unavailable = Status.UNAVAIL in returns


class Nsswitch:
    """What the file says of the two databases that matter here.

    plain: whether `hosts` names nothing but files and dns, and does with them nothing but what `Source` can say.
    plain_services: whether looking up a service does not leave this machine.
    """

    __slots__ = ("hosts", "plain", "plain_services")

    def __init__(self, hosts: tuple[Source, ...], plain: bool, plain_services: bool) -> None:
        self.hosts = hosts
        self.plain = plain
        self.plain_services = plain_services


# What the C library does without a line.
DEFAULTS = {b"hosts": b"files dns", b"services": b"files"}
TOKEN = re.compile(rb"\[([^\]]*)\]|([^\s\[\]]+)")
STATUSES = {status.value.encode(): status for status in Status}
LINE = re.compile(rb"\s*([^\s:]+)[\s:](.*)", re.DOTALL)
ITEM = re.compile(rb"\s*(!?)\s*(\w+)\s*=\s*(\w+)")


def parse(data: bytes) -> Nsswitch:
    """Return what the text `data` of the file says; for a database without a line, the C library's default."""
    lines = dict(DEFAULTS)
    for raw in data.split(b"\n"):
        found = LINE.match(raw.partition(b"#")[0])
        if found and found[1] in lines:
            lines[found[1]] = found[2]
    hosts, services = _sources(lines[b"hosts"]), _sources(lines[b"services"])
    plain = all(source.name in ("files", "dns") and Status.SUCCESS in source.returns for source in hosts)
    return Nsswitch(hosts, plain, all(source.name in ("files", "db") for source in services))


def _sources(text: bytes) -> tuple[Source, ...]:
    sources: list[Source] = []
    for actions, name in TOKEN.findall(text):
        if name:
            sources.append(Source(name.decode("latin-1")))
        elif sources:
            sources[-1] = Source(sources[-1].name, _returns(actions, sources[-1].returns))
    return tuple(sources)


def _returns(text: bytes, given: frozenset[Status]) -> frozenset[Status]:
    """Return the statuses that end the search after the actions ``[text]``; what makes no sense is skipped."""
    returns = set(given)
    for negated, word, action in ITEM.findall(text.lower()):
        status = STATUSES.get(word)
        if status is None:
            continue
        chosen = set(Status) - {status} if negated else {status}
        if action == b"return":
            returns |= chosen
        elif action in (b"continue", b"merge"):
            # A search that goes on after success is left to the C library.
            returns -= chosen
    return frozenset(returns)


nsswitch = Reloaded("/etc/nsswitch.conf", parse)
