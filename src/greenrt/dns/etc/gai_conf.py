"""``/etc/gai.conf``: the tables for the order of addresses (gai.conf(5))."""

import _socket
from dataclasses import dataclass

from greenrt.dns.etc.config_file import Reloaded

__all__ = ["GaiConf", "gai_conf", "parse"]

# (network as a number, length of its prefix in bits, value), the longest prefix first.
Table = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class GaiConf:
    """The tables of RFC 6724. `labels` and `precedences` are for IPv6 networks, `scopes` for IPv4 networks."""

    labels: Table
    precedences: Table
    scopes: Table

    def label(self, address: int) -> int:
        """Return the label of an IPv6 address, given as a number."""
        return _match(self.labels, address, 128)

    def precedence(self, address: int) -> int:
        """Return the precedence of an IPv6 address, given as a number."""
        return _match(self.precedences, address, 128)

    def scope4(self, address: int) -> int:
        """Return the scope of an IPv4 address, given as a number."""
        return _match(self.scopes, address, 32)


def _match(table: Table, address: int, bits: int) -> int:
    for network, length, value in table:
        if not length or address >> (bits - length) == network >> (bits - length):
            return value
    raise AssertionError("each table has a row for all networks")


def _network(text: str) -> tuple[int, int] | None:
    """Return the network ``address[/length]`` as a pair of numbers; None if it is invalid."""
    address, slash, given = text.partition("/")
    try:
        packed = _socket.inet_pton(_socket.AF_INET6, address)
    except (OSError, ValueError):
        return None
    length = _number(given, 128) if slash else 128
    return None if length is None else (int.from_bytes(packed, "big"), length)


def _network4(text: str) -> tuple[int, int] | None:
    """Return the IPv4 network as `_network` does; it may be written as a v4-mapped one."""
    address, slash, given = text.partition("/")
    found = _network(text)
    if found is not None:
        number, length = found
        return (number & 0xFFFFFFFF, length - 96) if number >> 32 == 0xFFFF and length >= 96 else None
    try:
        packed = _socket.inet_pton(_socket.AF_INET, address)
    except (OSError, ValueError):
        return None
    bits = _number(given, 32) if slash else 32
    return None if bits is None else (int.from_bytes(packed, "big"), bits)


def _number(text: str, most: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 and int(text) <= most else None


def _sorted(table: list[tuple[int, int, int]], default: int) -> Table:
    if all(length for _, length, _ in table):
        table = [*table, (0, 0, default)]
    return tuple(sorted(table, key=lambda row: -row[1]))


def _default(text: str) -> list[tuple[int, int, int]]:
    rows = []
    for row in text.split(","):
        network, value = row.split()
        found = _network4(network) if "." in network else _network(network)
        assert found is not None
        rows.append((*found, int(value)))
    return rows


# The tables of RFC 3484 with the later additions, as the C library has them.
LABELS = _default(
    "::1/128 0, 2002::/16 2, ::/96 3, ::ffff:0:0/96 4, fec0::/10 5, fc00::/7 6, 2001:0::/32 7, ::/0 1"
)
PRECEDENCES = _default("::1/128 50, 2002::/16 30, ::/96 20, ::ffff:0:0/96 10, ::/0 40")
SCOPES = _default("169.254.0.0/16 2, 127.0.0.0/8 2, 0.0.0.0/0 14")


def parse(data: bytes) -> GaiConf:
    """Return the tables in the text `data` of the file. One line of a kind replaces the whole default table."""
    tables: dict[str, list[tuple[int, int, int]]] = {"label": [], "precedence": [], "scopev4": []}
    for raw in data.split(b"\n"):
        words = raw.partition(b"#")[0].partition(b"\0")[0].decode("latin-1").split()
        if len(words) < 3 or words[0] not in tables:
            continue
        network = (_network4 if words[0] == "scopev4" else _network)(words[1])
        value = _number(words[2], 0x7FFFFFFF)
        if network is not None and value is not None:
            tables[words[0]].append((*network, value))
    return GaiConf(
        _sorted(tables["label"] or LABELS, 1),
        _sorted(tables["precedence"] or PRECEDENCES, 40),
        _sorted(tables["scopev4"] or SCOPES, 14),
    )


gai_conf: Reloaded[GaiConf] = Reloaded("/etc/gai.conf", parse)
