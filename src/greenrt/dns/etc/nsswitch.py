"""``/etc/nsswitch.conf``: where names of hosts and services are looked up, in which order (nsswitch.conf(5))."""

from enum import Enum

from greenrt.dns.etc.config_file import Reloaded

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
STATUSES = {status.value.encode(): status for status in Status}


def parse(data: bytes) -> Nsswitch:
    """Return what the text `data` of the file says; for a database without a line, the C library's default."""
    lines = dict(DEFAULTS)
    for raw in data.split(b"\n"):
        line = raw.partition(b"#")[0].lstrip()
        keyword = (line.replace(b":", b" ").split(None, 1) or [b""])[0]
        if keyword in lines and len(line) > len(keyword) and line.startswith(keyword):
            lines[keyword] = line[len(keyword) + 1 :]
    hosts, services = _sources(lines[b"hosts"]), _sources(lines[b"services"])
    plain = all(source.name in ("files", "dns") and Status.SUCCESS in source.returns for source in hosts)
    return Nsswitch(hosts, plain, all(source.name in ("files", "db") for source in services))


def _sources(text: bytes) -> tuple[Source, ...]:
    """Return the sources of a line, with their actions: ``name name [actions] name``."""
    sources: list[Source] = []
    # Each piece ends with a bracket that closes; the last one has none.
    *pieces, last = text.split(b"]")
    for piece in pieces:
        names, opened, actions = piece.partition(b"[")
        sources += _named(names)
        if opened and sources:
            sources[-1] = Source(sources[-1].name, _returns(actions, sources[-1].returns))
    return (*sources, *_named(last.replace(b"[", b" ")))


def _named(text: bytes) -> list[Source]:
    return [Source(name.decode("latin-1")) for name in text.split()]


def _returns(text: bytes, given: frozenset[Status]) -> frozenset[Status]:
    """Return the statuses that end the search after the actions ``[text]``; what makes no sense is skipped."""
    returns = set(given)
    words = [b"", *text.lower().replace(b"=", b" = ").replace(b"!", b" ! ").split(), b""]
    for at in range(2, len(words) - 1):
        status = STATUSES.get(words[at - 1])
        if words[at] != b"=" or status is None:
            continue
        chosen = set(Status) - {status} if words[at - 2] == b"!" else {status}
        if words[at + 1] == b"return":
            returns |= chosen
        elif words[at + 1] in (b"continue", b"merge"):
            # A search that goes on after success is left to the C library.
            returns -= chosen
    return frozenset(returns)


nsswitch = Reloaded("/etc/nsswitch.conf", parse)
