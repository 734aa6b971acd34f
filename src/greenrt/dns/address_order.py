"""Sort the addresses of a host by RFC 6724, as glibc applies its rules, with the sources that the kernel would use.

A UDP socket is connected to a destination to find its source. Connecting it sends nothing.
"""

import _socket
from dataclasses import dataclass
from functools import cmp_to_key

from greenrt._original import socket_type
from greenrt.dns import interfaces
from greenrt.dns.etc.gai_conf import GaiConf, gai_conf
from greenrt.dns.etc.hosts import V4MAPPED

__all__ = ["sort_addresses"]

AF_INET, AF_INET6 = _socket.AF_INET, _socket.AF_INET6


@dataclass(frozen=True, slots=True)
class Ranked:
    """A destination, its source (None if it cannot be reached), and the interface that has the source."""

    family: int
    packed: bytes
    source: bytes | None
    at: interfaces.Interface
    scope: int
    label: int
    precedence: int
    source_scope: int
    source_label: int


def sort_addresses(found: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Return the addresses, pairs of family and packed form, in the order in which to try them. Does not block."""
    if len(found) < 2:
        return found
    config = gai_conf.get()
    ranked = [_ranked(family, packed, config) for family, packed in found]
    ranked.sort(key=cmp_to_key(_compare))
    return [(one.family, one.packed) for one in ranked]


def _ranked(family: int, packed: bytes, config: GaiConf) -> Ranked:
    source = _source_of(family, packed)
    scope, label, precedence = _place(family, packed, config)
    source_scope, source_label, _ = _place(family, source, config) if source is not None else (0, 0, 0)
    at = interfaces.place_of(source) if source is not None else interfaces.NOWHERE
    return Ranked(family, packed, source, at, scope, label, precedence, source_scope, source_label)


def _source_of(family: int, packed: bytes) -> bytes | None:
    """Return the packed source address of packets to the destination; None if there is no route."""
    host = _socket.inet_ntop(family, packed)
    probe = None
    try:
        probe = socket_type(family, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC, 0)
        probe.connect((host, 0))
        return _socket.inet_pton(family, probe.getsockname()[0].partition("%")[0])
    except OSError:
        return None
    finally:
        if probe is not None:
            probe.close()


def _place(family: int, packed: bytes, config: GaiConf) -> tuple[int, int, int]:
    """Return the scope, label and precedence of an address."""
    if family == AF_INET:
        scope = config.scope4(int.from_bytes(packed, "big"))
        packed = V4MAPPED + packed
    else:
        scope = _scope6(packed)
    number = int.from_bytes(packed, "big")
    return scope, config.label(number), config.precedence(number)


def _scope6(packed: bytes) -> int:
    if packed[0] == 0xFF:
        return packed[1] & 0xF
    head = packed[0] << 8 | packed[1]
    if head & 0xFFC0 == 0xFE80 or packed == b"\0" * 15 + b"\1":
        return 2
    return 5 if head & 0xFFC0 == 0xFEC0 else 14


def _compare(one: Ranked, two: Ranked) -> int:
    """Return < 0 if `one` is to be tried first, > 0 if `two` is; 0 keeps the order (rule 10)."""
    reachable = one.source is not None
    # Rule 1: avoid unusable destinations.
    if reachable != (two.source is not None):
        return -1 if reachable else 1
    if reachable:
        # Rule 2: prefer matching scope.
        if difference := (two.scope == two.source_scope) - (one.scope == one.source_scope):
            return difference
        # Rule 3: avoid deprecated addresses.
        if difference := one.at.deprecated - two.at.deprecated:
            return difference
        # Rule 4: prefer home addresses.
        if difference := two.at.home - one.at.home:
            return difference
        # Rule 5: prefer matching label.
        if difference := (two.label == two.source_label) - (one.label == one.source_label):
            return difference
    # Rule 6: prefer higher precedence.
    if difference := two.precedence - one.precedence:
        return difference
    # Rule 7: prefer native transport.
    if reachable and one.at.index != two.at.index and (difference := _nativeness(two) - _nativeness(one)):
        return difference
    # Rule 8: prefer smaller scope.
    if difference := one.scope - two.scope:
        return difference
    # Rule 9: use the longest matching prefix.
    if reachable and one.family == two.family:
        return _common_prefix(two) - _common_prefix(one)
    return 0


def _nativeness(ranked: Ranked) -> int:
    return int(interfaces.is_native(ranked.at.index))


def _common_prefix(ranked: Ranked) -> int:
    """Return the number of leading bits that source and destination share; for IPv4, only within one network."""
    assert ranked.source is not None
    bits = len(ranked.packed) * 8
    differing = int.from_bytes(ranked.packed, "big") ^ int.from_bytes(ranked.source, "big")
    if ranked.family == AF_INET and differing >> (32 - (ranked.at.prefix or 32)):
        return 0
    return bits - differing.bit_length()
