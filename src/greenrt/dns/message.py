"""DNS messages: build a query, match a datagram to it, and read the records of the answer (RFC 1035, 6891).

Only types whose data is an address or a name are supported. The sender of an answer chooses every byte of it: the
parser reads nothing out of bounds, and a compressed name may only point backwards.
"""

import _socket
import re
import struct
from os import urandom

__all__ = ["FORMERR", "NOERROR", "NXDOMAIN", "BadMessage", "Question", "Record"]

NOERROR, FORMERR, NXDOMAIN = 0, 1, 3
A, CNAME, PTR, AAAA, IN = 1, 5, 12, 28, 1

# Flags: recursion desired. Counts: one question; with EDNS, one additional record.
QUERY = b"\1\0\0\1\0\0\0\0\0"
# An OPT record. It accepts datagrams of up to 1232 bytes, which no path fragments (DNS flag day 2020).
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
# Bits of the third byte of an answer, then of the fourth.
IS_ANSWER, OPCODE, AUTHORITATIVE, TRUNCATED = 0x80, 0x78, 0x04, 0x02
RECURSIVE, RCODE = 0x80, 0x0F

# Type, class, time to live, length of the data.
HEAD = struct.Struct("!HHIH")
QUESTION_AT = 12
MAX_NAME = 255
# How many pointers one name may follow. A name has at most 127 labels, and an honest server points once after each.
MAX_HOPS = 127
# How many labels and pointers all names of an answer may have together. 1232 bytes have room for 77 records at most.
MAX_STEPS = 16384
# The .pxd declares it as a C integer for the compiled build.
_DOT = 0x2E

# The bit by which the two cases of a letter differ; 0 for other bytes.
CASES: bytes = bytes(0x20 if byte < 128 and chr(byte).isalpha() else 0 for byte in range(256))
# The bytes of a label that are written with a backslash.
UNUSUAL = re.compile(rb"[^!-\-/-\[\]-~]")

# Owner without its last dot, type, time to live in seconds, and data: an address or a name as text.
Record = tuple[str, int, int, str]


class BadMessage(ValueError):
    """The answer ends too early, or a name in it is invalid."""


class Question:
    """A question for one name and type, with a random id and random letter case (DNS 0x20), which answers repeat.

    name: absolute name in ASCII, without its last dot, at most 253 characters. rtype: number of the record type.
    data: bytes to send. edns: whether `data` has an OPT record.
    """

    __slots__ = ("_end", "_folded", "_steps", "data", "edns", "name")

    def __init__(self, name: str, rtype: int) -> None:
        self.name: str = name
        plain = b"" if name == "." else name.encode()
        random = urandom(2 + len(plain))
        asked = _spelled(plain, random)
        self.edns: bool = True
        self._steps = 0
        self._end = QUESTION_AT + len(asked) + 4
        self.data: bytes = b"".join((random[:2], QUERY, b"\1", asked, rtype.to_bytes(2, "big"), b"\0\1", OPT))

    def without_edns(self) -> None:
        """Remove the OPT record, for servers that do not know EDNS."""
        self.edns = False
        self.data = self.data[:11] + b"\0" + self.data[12 : self._end]

    def answered_by(self, reply: bytes) -> int | None:
        """Return the code (RCODE) of a datagram that answers this question; None if it does not answer it.

        A server that does not know EDNS may answer FORMERR without repeating the question.
        """
        data = self.data
        if len(reply) < QUESTION_AT or reply[:2] != data[:2] or reply[2] & (IS_ANSWER | OPCODE) != IS_ANSWER:
            return None
        code = reply[3] & RCODE
        if code == FORMERR and self.edns:
            return code
        end = self._end
        return code if reply[4:6] == b"\0\1" and reply[QUESTION_AT:end] == data[QUESTION_AT:end] else None

    def answered_in_other_case(self, reply: bytes) -> bool:
        """Return whether letter case is the only difference between the datagram and an answer."""
        end = self._end
        asked, repeated = self.data[:2] + self.data[QUESTION_AT:end], reply[:2] + reply[QUESTION_AT:end]
        return asked != repeated and asked.lower() == repeated.lower() and asked[:2] == repeated[:2]

    def is_truncated(self, reply: bytes) -> bool:
        """Return whether the answer did not fit into its datagram."""
        return bool(reply[2] & TRUNCATED)

    def is_lame(self, reply: bytes) -> bool:
        """Return whether the answer is empty, and its server is neither an authority for the name nor recursive."""
        empty = reply[6:10] == b"\0\0\0\0" and reply[3] & RCODE == NOERROR
        return empty and not reply[2] & AUTHORITATIVE and not reply[3] & RECURSIVE

    def records(self, reply: bytes) -> list[Record]:
        """Return the records of the answer whose type this module reads. Raise BadMessage if it is damaged."""
        try:
            return self._records(reply)
        except (IndexError, struct.error) as error:
            raise BadMessage(f"the answer ends too early ({error})") from None

    def _records(self, reply: bytes) -> list[Record]:
        found: list[Record] = []
        at = self._end
        self._steps = 0
        for _ in range(reply[6] << 8 | reply[7]):
            owner, at = self._name(reply, at)
            kind, group, ttl, size = HEAD.unpack_from(reply, at)
            at += HEAD.size
            end = at + size
            if end > len(reply):
                raise BadMessage("the data of a record ends after the answer")
            if group == IN:
                # A TTL with its highest bit set counts as zero (RFC 2181, 8).
                ttl = 0 if ttl >> 31 else ttl
                if kind == A:
                    found.append((owner, kind, ttl, _address(_socket.AF_INET, reply[at:end])))
                elif kind == AAAA:
                    found.append((owner, kind, ttl, _address(_socket.AF_INET6, reply[at:end])))
                elif kind in (CNAME, PTR):
                    name, after = self._name(reply, at)
                    if after != end:
                        raise BadMessage("a name ends elsewhere than its record")
                    found.append((owner, kind, ttl, name))
            at = end
        return found

    def _name(self, reply: bytes, at: int) -> tuple[str, int]:
        """Return a name without its last dot, and the offset of the first byte after it."""
        if reply[at] == 0xC0 and reply[at + 1] == QUESTION_AT:
            # Most owners are a pointer to the queried name.
            return self.name, at + 2
        labels: list[bytes] = []
        length = after = 0
        hops = 0
        limit = at
        while size := reply[at]:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise BadMessage(f"names of more than {MAX_STEPS} labels and pointers")
            if size >= 0xC0:
                after = after or at + 2
                at = (size & 0x3F) << 8 | reply[at + 1]
                if at >= limit:
                    raise BadMessage("a compressed name does not point back")
                limit = at
                hops += 1
                if hops > MAX_HOPS:
                    raise BadMessage(f"a name of more than {MAX_HOPS} pointers")
            elif size > 63:
                raise BadMessage(f"a label of the unknown kind {size >> 6}")
            else:
                labels.append(reply[at + 1 : at + 1 + size])
                at += 1 + size
                length += 1 + size
                if length >= MAX_NAME:
                    raise BadMessage(f"a name of more than {MAX_NAME} bytes")
        return ".".join(map(_label, labels)), after or at + 1


def _spelled(plain: bytes, random: bytes) -> bytearray:
    """Return the name `plain` as messages encode it. A byte of `random` chooses the case of each letter."""
    # A length byte replaces the dot before its label. The first label has no dot before it.
    asked = bytearray(len(plain) + 1)
    length_at = 0
    for at in range(len(plain)):
        byte = plain[at]
        if byte == _DOT:
            asked[length_at] = at - length_at
            length_at = at + 1
        else:
            asked[at + 1] = byte ^ (CASES[byte] & random[at + 2])
    asked[length_at] = len(plain) - length_at
    if plain:
        asked.append(0)
    return asked


def _address(family: int, packed: bytes) -> str:
    try:
        return _socket.inet_ntop(family, packed)
    except ValueError:
        raise BadMessage(f"an address of {len(packed)} bytes") from None


def _label(label: bytes) -> str:
    return UNUSUAL.sub(lambda found: b"\\%03d" % found[0][0], label).decode("ascii")
