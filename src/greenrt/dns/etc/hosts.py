"""``/etc/hosts``: names and addresses of this machine and its neighbours (hosts(5), and glibc's nss_files)."""

import _socket
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from greenrt.dns.etc.config_file import Reloaded
from greenrt.dns.hostname import decode, fold

__all__ = ["V4MAPPED", "Host", "Hosts", "hosts", "multi"]

AF_INET, AF_INET6, AF_UNSPEC = _socket.AF_INET, _socket.AF_INET6, _socket.AF_UNSPEC
# The prefix of an IPv6 address that stands for an IPv4 address (RFC 4291, 2.5.5.2).
V4MAPPED = b"\0" * 10 + b"\xff\xff"
LOOPBACK6 = b"\0" * 15 + b"\1"
LOOPBACK4 = b"\x7f\0\0\1"


def _mapped_lines_count() -> bool:
    """Return whether the C library finds an IPv4-mapped address in the line of its IPv4 address."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        numbers = tuple(map(int, version.split(".")[:2]))
    except (ValueError, OSError):
        # Another C library: do the same as the current glibc.
        return True
    # glibc 2.30 to 2.37 does not find it (its bug 25457).
    return name != "glibc" or not (2, 30) <= numbers < (2, 38)


MAPPED_LINES_COUNT = _mapped_lines_count()


@dataclass(frozen=True, slots=True)
class Host:
    """A host as one source knows it: its name, other names, and pairs of family and packed address."""

    canonical: str
    aliases: list[str]
    addresses: list[tuple[int, bytes]]


class Hosts:
    """The text of a hosts file. It is searched, not parsed: it may be huge, and most lines are never used."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._lower = data.lower()

    def by_name(self, name: str, family: int, multiple: bool = True) -> Host | None:
        """Return the host that the lines with `name` describe; None if there is no such line.

        family: only lines with an address of this family count. For AF_INET, lines with ``::1`` (which counts as
        127.0.0.1) or an IPv4-mapped address count too. multiple: whether all such lines count, or only the first
        (host.conf(5)).
        """
        wanted = fold(name)
        found: Host | None = None
        for line in self._lines_with(wanted):
            entry = _entry(line, family)
            if entry is None or all(wanted != fold(other) for other in (entry.canonical, *entry.aliases)):
                continue
            if found is None:
                found = entry
            else:
                found.aliases.extend(entry.aliases)
                if entry.canonical != found.canonical:
                    found.aliases.append(entry.canonical)
                found.addresses.extend(entry.addresses)
            if not multiple:
                break
        return found

    def by_address(
        self, family: int, packed: bytes, mapped_lines_count: bool = MAPPED_LINES_COUNT
    ) -> Host | None:
        """Return the host of the first line that has the address; None if no line has it.

        mapped_lines_count: whether a line with an IPv4 address also has the IPv4-mapped form of that address.
        """
        mapped = mapped_lines_count and family == AF_INET6 and packed.startswith(V4MAPPED)
        # Most lines have other IPv4 addresses. An IPv4 address can be written in one way only.
        text = rb"[^\s#:]*+:"
        if family == AF_INET or mapped:
            four = _socket.inet_ntop(AF_INET, packed[-4:]).encode()
            text += b"|" + re.escape(four) + rb"(?![^\s#\0])"
        for line in re.finditer(rb"(?m)^[^\S\n]*+(?:" + text + b").*", self._data):
            entry = _entry(line[0], family, mapped)
            if entry is not None and entry.addresses[0][1] == packed:
                return entry
        return None

    def _lines_with(self, text: bytes) -> Iterator[bytes]:
        end = 0
        while text:
            at = self._lower.find(text, end)
            if at < 0:
                return
            start = self._lower.rfind(b"\n", 0, at) + 1
            end = self._lower.find(b"\n", at)
            if end < 0:
                end = len(self._lower)
            yield self._data[start:end]


def _entry(line: bytes, family: int, mapped: bool = False) -> Host | None:
    """Return the host that one line describes; None if the line has no name or address of `family`.

    mapped: an IPv4 address is converted to an IPv4-mapped one.
    """
    words = line.partition(b"#")[0].partition(b"\0")[0].split()
    if not words:
        return None
    address = _address(words[0], AF_UNSPEC if mapped else family)
    if address is None:
        return None
    if mapped and address[0] == AF_INET:
        address = AF_INET6, V4MAPPED + address[1]
    names = [decode(word) for word in words[1:]]
    return Host(names[0] if names else "", names[1:], [address])


def _address(word: bytes, family: int) -> tuple[int, bytes] | None:
    text = word.decode("latin-1")
    if family != AF_INET6:
        try:
            return AF_INET, _socket.inet_pton(AF_INET, text)
        except (OSError, ValueError):
            pass
    try:
        packed = _socket.inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        return None
    if family != AF_INET:
        return AF_INET6, packed
    if packed.startswith(V4MAPPED):
        return AF_INET, packed[12:]
    return (AF_INET, LOOPBACK4) if packed == LOOPBACK6 else None


def _multi(data: bytes) -> bool:
    """Return whether the last ``multi`` line in the text `data` of a host.conf says ``on``."""
    on = False
    for line in data.split(b"\n"):
        words = line.partition(b"#")[0].lower().split()
        if words[:1] == [b"multi"] and words[1:2] in ([b"on"], [b"off"]):
            on = words[1] == b"on"
    return on


# Block lists of advertisers are long. The rest of a longer file is ignored (bytes).
hosts: Reloaded[Hosts] = Reloaded("/etc/hosts", Hosts, 64 << 20)
# Whether all lines with a name count, or only the first.
multi: Reloaded[bool] = Reloaded("/etc/host.conf", _multi)
