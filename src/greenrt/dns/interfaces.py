"""The addresses of this machine's interfaces, as the kernel reports them (rtnetlink(7))."""

import _socket
import fcntl
import struct
from dataclasses import dataclass

from greenrt._native.thread import monotonic
from greenrt._original import socket_type

__all__ = ["NOWHERE", "Interface", "addresses", "is_native", "place_of", "seen_families"]

RTM_NEWADDR, RTM_GETADDR, NLMSG_DONE, NLMSG_ERROR = 20, 22, 3, 2
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
IFA_ADDRESS, IFA_LOCAL = 1, 2
# From linux/if_addr.h.
IFA_F_DEPRECATED, IFA_F_HOMEADDRESS = 0x20, 0x10
SIOCGIFHWADDR = 0x8927
# ARPHRD_TUNNEL, ARPHRD_TUNNEL6, ARPHRD_SIT
TUNNELS = (768, 769, 776)

MESSAGE = struct.Struct("=IHHII")
IFADDRMSG = struct.Struct("=BBBBI")
ATTRIBUTE = struct.Struct("=HH")


@dataclass(frozen=True, slots=True)
class Interface:
    """The configuration of an address.

    prefix: length of the network prefix in bits. index: index of the interface. deprecated, home: flags of the
    address.
    """

    prefix: int
    index: int
    deprecated: bool
    home: bool


NOWHERE = Interface(0, 0xFFFFFFFF, False, False)
# A query costs more than the rest of a sort. New addresses are noticed at once, flags and prefixes later (seconds).
MAX_AGE = 1.0
_latest: tuple[float, dict[bytes, Interface]] = (-MAX_AGE, {})


def place_of(address: bytes) -> Interface:
    """Return the configuration of a packed address of this machine; NOWHERE if the kernel does not know it."""
    global _latest
    asked, known = _latest
    if address not in known or monotonic() - asked > MAX_AGE:
        known = addresses()
        _latest = (monotonic(), known)
    return known.get(address, NOWHERE)


def addresses() -> dict[bytes, Interface]:
    """Return {packed address: its configuration}; an empty dict if the kernel does not answer. Does not block."""
    found: dict[bytes, Interface] = {}
    request = MESSAGE.pack(MESSAGE.size + IFADDRMSG.size, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
    netlink = None
    try:
        netlink = socket_type(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, 0)
        # The dump is complete when send() returns: an empty socket means that a message was lost.
        netlink.setblocking(False)
        netlink.send(request + IFADDRMSG.pack(0, 0, 0, 0, 0))
        while _read_messages(netlink.recv(1 << 16), found):
            pass
    except OSError:
        pass
    finally:
        if netlink is not None:
            netlink.close()
    return found


def _read_messages(data: bytes, found: dict[bytes, Interface]) -> bool:
    """Add the addresses of one datagram to `found`; return whether more datagrams follow."""
    at = 0
    while at + MESSAGE.size <= len(data):
        length, kind = MESSAGE.unpack_from(data, at)[:2]
        if kind in (NLMSG_DONE, NLMSG_ERROR) or length < MESSAGE.size:
            return False
        if kind == RTM_NEWADDR:
            _read_address(data[at + MESSAGE.size : at + length], found)
        at += length + 3 & ~3
    return True


def _read_address(data: bytes, found: dict[bytes, Interface]) -> None:
    family, prefix, flags, _, index = IFADDRMSG.unpack_from(data)
    values = {}
    at = IFADDRMSG.size
    while at + ATTRIBUTE.size <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, at)
        if length < ATTRIBUTE.size:
            break
        values[kind] = data[at + ATTRIBUTE.size : at + length]
        at += length + 3 & ~3
    if family == _socket.AF_INET and IFA_LOCAL in values:
        # On a point-to-point link, IFA_ADDRESS is the address of the peer.
        address = values[IFA_LOCAL]
    elif family in (_socket.AF_INET, _socket.AF_INET6) and IFA_ADDRESS in values:
        address = values[IFA_ADDRESS]
    else:
        return
    found[address] = Interface(prefix, index, bool(flags & IFA_F_DEPRECATED), bool(flags & IFA_F_HOMEADDRESS))


def seen_families(configured: dict[bytes, Interface]) -> set[int]:
    """Return the families with at least one address besides the loopback address (for AI_ADDRCONFIG)."""
    families = set()
    for address in configured:
        if len(address) == 4:
            if address != b"\x7f\0\0\1":
                families.add(int(_socket.AF_INET))
        elif address != b"\0" * 15 + b"\1":
            families.add(int(_socket.AF_INET6))
    return families


def is_native(index: int) -> bool:
    """Return whether the interface with this index is not a tunnel of one protocol through another."""
    probe = socket_type(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC, 0)
    try:
        request = struct.pack("16s24x", _socket.if_indextoname(index).encode())
        kind = struct.unpack_from("=H", fcntl.ioctl(probe, SIOCGIFHWADDR, request), 16)[0]
    except OSError:
        return True
    finally:
        probe.close()
    return kind not in TUNNELS
