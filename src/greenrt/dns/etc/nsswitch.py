"""``/etc/nsswitch.conf``: the sources of hosts and services, and their order (nsswitch.conf(5))."""

from enum import Enum

from greenrt.dns.etc.config_file import Reloaded

__all__ = ["Nsswitch", "Source", "Status", "nsswitch", "parse"]


class Status(Enum):
    """The result of a lookup in one source."""

    SUCCESS = "success"
    NOTFOUND = "notfound"
    UNAVAIL = "unavail"
    TRYAGAIN = "tryagain"


class Source:
    """One source of a line.

    name: such as ``"files"``. returns: statuses after which no further source is queried. The `ends_...` attributes
    say so for each status that a search can have here.
    """

    # Not a dataclass: the import takes long, and a lookup of a numeric host with a service needs this module.
    __slots__ = ("ends_found", "ends_not_found", "ends_unavailable", "name", "returns")

    def __init__(self, name: str, returns: frozenset[Status] = frozenset({Status.SUCCESS})) -> None:
        self.name: str = name
        self.returns: frozenset[Status] = returns
        # Each lookup reads these, without computing hashes.
        self.ends_found: bool = Status.SUCCESS in returns
        self.ends_not_found: bool = Status.NOTFOUND in returns
        self.ends_unavailable: bool = Status.UNAVAIL in returns


class Nsswitch:
    """The two databases of the file that greenrt uses.

    hosts: sources of hosts in their order. plain: whether `hosts` has only the sources files and dns, with actions
    that `Source` can express. plain_services: whether a lookup of a service stays on this machine.
    """

    __slots__ = ("hosts", "plain", "plain_services")

    def __init__(self, hosts: tuple[Source, ...], plain: bool, plain_services: bool) -> None:
        self.hosts: tuple[Source, ...] = hosts
        self.plain: bool = plain
        self.plain_services: bool = plain_services


# The C library uses these if the file has no line for a database.
DEFAULTS = {b"hosts": b"files dns", b"services": b"files"}
STATUSES = {status.value.encode(): status for status in Status}


def parse(data: bytes) -> Nsswitch:
    """Return the contents of the text `data` of the file; a database without a line has the C library's default."""
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
    # Each piece but the last ended with a closing bracket.
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
    """Return the statuses that end the search after the actions ``[text]``; invalid actions are skipped."""
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
            # The C library does the searches that continue after success.
            returns -= chosen
    return frozenset(returns)


nsswitch: Reloaded[Nsswitch] = Reloaded("/etc/nsswitch.conf", parse)
