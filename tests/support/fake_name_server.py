"""A DNS server whose faults are asked for by name: the first label of a question says what goes wrong.

    with FakeServer(zone={"mail.test": {"MX": ["10 mx.test."]}}) as server:
        ask("nx.test"), ask("drop1.a.test")         # at server.address, server.port, UDP and TCP
        server.packets                              # all that came in

It runs on a native thread of its own, or as a program: ``python fake_name_server.py [address [port [zone.json]]]``.

Names in the zone are answered from it. All other names have one A record, one AAAA record and nothing else
(`address_of` says which), after the fault that their first label names. Digits at the end of `slow` are milliseconds.

=========== =========================================================================================
drop        no answer, ever
drop1       no answer to the first packet of a name and type; the next ones are answered
slow, slow9 the answer comes after 200 ms, after 9 ms
nx, nxsoa   NXDOMAIN, without and with a SOA record (minimum 30 s)
nodata      NOERROR and no record, with a SOA record
servfail, refused, formerr   that code
tc          truncated over UDP, whole over TCP
halftcp     truncated over UDP; over TCP half of the answer, then the end of the connection
rst         truncated over UDP; the TCP connection is reset
drip        truncated over UDP; over TCP the answer arrives byte by byte
endless, zeros, void  truncated over UDP; over TCP messages without end: with a wrong id, of 0 bytes, of 12 bytes
storm       datagrams with a wrong id without end; over TCP the true answer
many        forty addresses: truncated over UDP unless EDNS allows for it
oversize    200 addresses and a UDP datagram with all of them, whatever EDNS says
cname       a chain of three CNAMEs, then the address
dangling    a CNAME whose target has no address in the answer
cnameloop   two CNAMEs that point at each other
longchain   forty CNAMEs, then the address
ttl0        records that live 0 s
v4only      no AAAA record;  v6only  no A record
v6fail      AAAA is answered SERVFAIL;  v6drop  AAAA is not answered
badid, badq, badcase, badport  forged answers (FORGED) with a wrong id, question, letter case or source port,
            `forgeries` of them, then the true one after 20 ms
wrongowner  an answer whose records (FORGED) belong to another name
control     a PTR, MX or CNAME target with control characters, blanks and quotes in it
echo        the question comes back as it is (QR=0)
garbage     40 random bytes, then the true answer after 20 ms
short       an answer whose last three bytes are missing, then the true one after 20 ms
loop        an answer whose compression pointers point at themselves
dup         the answer twice
reorder     the answer is held back until the next packet came (or for 50 ms)
=========== =========================================================================================
"""

import contextlib
import heapq
import ipaddress
import itertools
import json
import random
import selectors
import socket
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.renderer
import dns.rrset

__all__ = ["FORGED", "FORGED6", "FakeServer", "Packet", "address_of"]

# What only forged answers say.
FORGED = "203.0.113.66"
FORGED6 = "2001:db8:bad::66"

SOA = "ns.test. admin.test. 1 3600 600 86400 30"
TTL = 300


class Packet(NamedTuple):
    """A question that came in. `name` is spelled as it came, without the last dot."""

    protocol: str
    source: tuple[str, int]
    id: int
    name: str
    type: str
    edns: bool
    time: float


def address_of(name: str, rtype: str = "A") -> str:
    """Return the address that the server gives for a name that is not in its zone."""
    number = zlib.crc32(name.lower().rstrip(".").encode()) & 0xFFFF
    if rtype == "AAAA":
        return str(ipaddress.IPv6Address((0x20010DB8 << 96) | 0x10000 | number))
    return str(ipaddress.IPv4Address((198 << 24) | (18 << 16) | number))


class FakeServer:
    """See the module. `zone`, `loss`, `delay`, `forgeries` and `mangle` may be changed while it runs."""

    def __init__(
        self,
        address: str = "127.0.0.1",
        port: int = 0,
        *,
        zone: dict[str, dict[str, list[str]]] | None = None,
        loss: float = 0.0,
        delay: float = 0.0,
        seed: int = 1,
    ) -> None:
        # Name (lower case, no last dot) -> type -> records in presentation form.
        self.zone = dict(zone or {})
        # How much of the traffic is lost, each way (0 to 1).
        self.loss = loss
        # Seconds before each answer.
        self.delay = delay
        self.forgeries = 3
        # The fault of all names, whatever their first label is.
        self.fault = ""
        # Called with each UDP answer; returns the datagrams to send in its place.
        self.mangle: Callable[[bytes, random.Random], list[bytes]] | None = None
        self.packets: list[Packet] = []
        self.random = random.Random(seed)
        self.address = address
        self._seen: set[tuple[str, str]] = set()
        self._held: list[tuple[bytes, Any]] = []
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._number = 0
        self._stopping = False
        self._rendered: dict[tuple[str, int, bool], bytes] = {}
        self._udp, self._tcp = _bound(address, port)
        self.port: int = self._udp.getsockname()[1]
        self._other = socket.socket(self._udp.family, socket.SOCK_DGRAM)
        self._other.bind((address, 0))
        self._wake_r, self._wake_w = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for sock, handler in (
            (self._udp, self._on_udp),
            (self._tcp, self._on_accept),
            (self._wake_r, lambda: self._wake_r.recv(1)),
            (self._other, lambda: None),
        ):
            sock.setblocking(False)
            if sock is not self._other:
                self._selector.register(sock, selectors.EVENT_READ, handler)
        self._streams: dict[socket.socket, bytearray] = {}
        self._thread = threading.Thread(target=self.run, name="fake DNS server", daemon=True)

    # -- Life

    @property
    def server(self) -> str:
        """The server as configurations of resolvers spell it: address:port."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"

    def start(self) -> "FakeServer":
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping = True
        self._wake_w.send(b".")
        self._thread.join()
        self._wake_w.close()
        self._wake_r.close()

    __enter__ = start

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def run(self) -> None:
        """Serve until `stop`."""
        try:
            while not self._stopping:
                wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
                for key, _ in self._selector.select(wait):
                    key.data()
                while self._due and self._due[0][0] <= time.monotonic():
                    heapq.heappop(self._due)[2]()
        finally:
            self._selector.close()
            for sock in (self._udp, self._tcp, self._other, *self._streams):
                sock.close()

    def asked(self, name: str, rtype: str | None = None) -> list[Packet]:
        """Return the questions for `name` so far, whatever their letter case."""
        name = name.lower().rstrip(".")
        return [p for p in list(self.packets) if p.name.lower() == name and rtype in (None, p.type)]

    # -- Traffic

    def _later(self, seconds: float, action: Callable[[], object]) -> None:
        self._number += 1
        heapq.heappush(self._due, (time.monotonic() + seconds, self._number, action))

    def _on_udp(self) -> None:
        for _ in range(200):
            try:
                data, source = self._udp.recvfrom(65535)
            except BlockingIOError:
                return
            except ConnectionError:
                # What an ICMP message reports of an earlier answer.
                continue
            self._question(data, source, "udp", lambda reply, source=source: self._send(reply, source))

    def _send(self, reply: bytes, source: Any, sock: socket.socket | None = None) -> None:
        if self.loss and self.random.random() < self.loss:
            return
        # A full buffer or a closed port is one more fault that resolvers meet.
        with contextlib.suppress(OSError):
            (sock or self._udp).sendto(reply, source)

    def _on_accept(self) -> None:
        with contextlib.suppress(OSError):
            stream, _ = self._tcp.accept()
            stream.setblocking(False)
            self._streams[stream] = bytearray()
            self._selector.register(stream, selectors.EVENT_READ, lambda: self._on_stream(stream))

    def _on_stream(self, stream: socket.socket) -> None:
        try:
            data = stream.recv(65535)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        buffer = self._streams[stream]
        buffer += data
        while len(buffer) >= 2 and len(buffer) >= 2 + (size := int.from_bytes(buffer[:2], "big")):
            question = bytes(buffer[2 : 2 + size])
            del buffer[: 2 + size]
            peer = stream.getpeername()
            self._question(question, peer, "tcp", lambda reply: self._stream_out(stream, reply), stream)
            if stream not in self._streams:
                return
        if not data:
            self._hang_up(stream)

    def _stream_out(self, stream: socket.socket, reply: bytes) -> None:
        if stream not in self._streams:
            return
        if reply == RESET:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            if reply.startswith(HALF):
                reply = reply[len(HALF) :]
                stream.send(struct.pack("!H", len(reply)) + reply[: len(reply) // 2])
            elif reply != RESET:
                stream.send(struct.pack("!H", len(reply)) + reply)
                return
        self._hang_up(stream)

    def _hang_up(self, stream: socket.socket) -> None:
        del self._streams[stream]
        self._selector.unregister(stream)
        stream.close()

    # -- Answers

    def _question(
        self,
        data: bytes,
        source: Any,
        protocol: str,
        answer: Callable[[bytes], object],
        stream: socket.socket | None = None,
    ) -> None:
        if protocol == "udp" and self.loss and self.random.random() < self.loss:
            return
        try:
            name, rtype, end = _parse(data)
        except (IndexError, struct.error, UnicodeDecodeError):
            return
        edns = data[10:12] != b"\0\0"
        text = _type_text(rtype)
        self.packets.append(
            Packet(protocol, source[:2], data[0] << 8 | data[1], name, text, edns, time.monotonic())
        )
        if name.lower() in self.zone:
            verb = ""
        else:
            verb = self.fault or name.partition(".")[0].lower()
        if verb.startswith("slow"):
            self._later(
                int(verb[4:] or 200) / 1000, lambda: answer(self._reply(data, name, rtype, end, verb))
            )
            return
        fault = getattr(self, f"_do_{verb}", None)
        if fault is not None:
            fault(Ask(self, data, name, rtype, end, protocol, source, answer, stream))
            return
        replies = [self._reply(data, name, rtype, end, verb, protocol)]
        if self.mangle is not None and protocol == "udp":
            replies = self.mangle(replies[0], self.random)
        for reply in replies:
            if self.delay:
                self._later(self.delay, lambda reply=reply: answer(reply))
            else:
                answer(reply)
        held, self._held = self._held, []
        for late, where in held:
            self._send(late, where)

    def _reply(self, data: bytes, name: str, rtype: int, end: int, verb: str, protocol: str = "tcp") -> bytes:
        """Return the answer; made once for a name and type, then only the id and the question are put in."""
        size = _payload_size(data, end) if protocol == "udp" and verb != "oversize" else 65535
        key = (name.lower(), rtype, data[10:12] != b"\0\0")
        whole = self._rendered.get(key)
        if whole is None or key[0] in self.zone:
            whole = self._rendered[key] = self._render(data, name, rtype, verb)
        if len(whole) > size:
            return data[:2] + b"\x87\x80" + data[4:6] + b"\0" * 6 + data[12:end]
        return data[:2] + whole[2:12] + data[12:end] + whole[end:]

    def _render(self, data: bytes, name: str, rtype: int, verb: str) -> bytes:
        if rtype in (1, 28) and verb not in SPECIAL and name.lower() not in self.zone:
            # Most answers, made fast: a benchmark shall not measure this server.
            return _one_address(data, _parse(data)[2], rtype, address_of(name, _type_text(rtype)))
        question = dns.message.from_wire(data, ignore_trailing=True)
        # glibc takes an empty answer of a server that does not recurse for a broken server's.
        reply = dns.message.make_response(question, recursion_available=True)
        owner = question.question[0].name
        records = self._records(owner, name.lower(), dns.rdatatype.to_text(rtype), verb, reply)
        for where, kind, ttl, rdatas in records:
            reply.answer.append(dns.rrset.from_text_list(where, ttl, "IN", kind, rdatas))
        return _in_order(reply)

    def _records(self, owner: Any, name: str, kind: str, verb: str, reply: Any) -> list[Any]:
        zone = self.zone.get(name)
        if zone is not None:
            found = []
            where = owner
            while zone is not None and "CNAME" in zone and kind not in zone and len(found) < 16:
                target = zone["CNAME"][0]
                found.append((where, "CNAME", TTL, [target]))
                where = dns.name.from_text(target)
                zone = self.zone.get(target.lower().rstrip("."))
            if zone is not None and kind in zone:
                found.append((where, kind, TTL, zone[kind]))
            return found
        codes = {"servfail": "SERVFAIL", "refused": "REFUSED", "formerr": "FORMERR", "nx": "NXDOMAIN"}
        if verb in ("nodata", "nxsoa"):
            reply.authority.append(dns.rrset.from_text_list("test.", 60, "IN", "SOA", [SOA]))
        code = "SERVFAIL" if verb == "v6fail" and kind == "AAAA" else codes.get(verb.removesuffix("soa"))
        if code:
            reply.set_rcode(dns.rcode.from_text(code))
            return []
        if verb == "nodata" or (verb, kind) in (("v4only", "AAAA"), ("v6only", "A")):
            return []
        if verb == "control":
            return _control(owner, kind)
        if kind not in ("A", "AAAA"):
            return []
        return _address_records(owner, name, kind, verb)

    # -- Faults

    def _do_drop(self, ask: "Ask") -> None:
        pass

    def _do_v6drop(self, ask: "Ask") -> None:
        if ask.rtype != dns.rdatatype.AAAA:
            ask.reply()

    def _do_drop1(self, ask: "Ask") -> None:
        key = (ask.name.lower(), _type_text(ask.rtype))
        if key in self._seen:
            ask.reply()
        self._seen.add(key)

    def _do_tc(self, ask: "Ask") -> None:
        if ask.protocol == "udp":
            ask.answer(ask.truncated())
        else:
            ask.reply()

    def _do_halftcp(self, ask: "Ask") -> None:
        ask.answer(ask.truncated() if ask.protocol == "udp" else HALF + ask.true())

    def _do_drip(self, ask: "Ask") -> None:
        if ask.protocol == "udp":
            ask.answer(ask.truncated())
            return
        reply = ask.true()
        self._push(ask.stream, [bytes((byte,)) for byte in struct.pack("!H", len(reply)) + reply])

    def _do_endless(self, ask: "Ask") -> None:
        self._without_end(ask, bytes((ask.data[0] ^ 0x55,)) + ask.true()[1:])

    def _do_zeros(self, ask: "Ask") -> None:
        self._without_end(ask, b"")

    def _do_void(self, ask: "Ask") -> None:
        self._without_end(ask, bytes((ask.data[0] ^ 0x55,)) + ask.data[1:2] + b"\x81\x80" + bytes(8))

    def _without_end(self, ask: "Ask", message: bytes) -> None:
        if ask.protocol == "udp":
            ask.answer(ask.truncated())
            return
        message = struct.pack("!H", len(message)) + message
        self._push(ask.stream, itertools.repeat(message * (65536 // len(message))))

    def _push(self, stream: socket.socket, pieces: Iterable[bytes]) -> None:
        """Send the pieces one by one, as fast as the peer takes them."""
        rest = iter(pieces)

        def go_on(late: bytes = b"") -> None:
            if stream not in self._streams:
                return
            try:
                for piece in itertools.chain((late,), itertools.islice(rest, 20)):
                    late = piece[stream.send(piece) :]
                    if late:
                        break
            except BlockingIOError:
                late = piece
            except OSError:
                self._hang_up(stream)
                return
            self._later(0.001, lambda: go_on(late))

        go_on()

    def _do_storm(self, ask: "Ask") -> None:
        if ask.protocol == "tcp":
            ask.reply()
            return
        forged = bytes((ask.data[0] ^ 0x55,)) + ask.true()[1:]
        end = time.monotonic() + 3

        def blow() -> None:
            for _ in range(100):
                ask.answer(forged)
            if time.monotonic() < end:
                self._later(0.001, blow)

        blow()

    def _do_rst(self, ask: "Ask") -> None:
        ask.answer(ask.truncated() if ask.protocol == "udp" else RESET)

    def _do_badid(self, ask: "Ask") -> None:
        forged = ask.forged()
        for _ in range(self.forgeries):
            wrong = (ask.data[0] << 8 | ask.data[1]) ^ self.random.randint(1, 65535)
            ask.answer(wrong.to_bytes(2, "big") + forged[2:])
        self._later(0.02, ask.reply)

    def _do_badq(self, ask: "Ask") -> None:
        forged = bytearray(ask.forged())
        # Another letter at the end of the first label, in the question and so in the owners that point at it.
        forged[12 + forged[12]] = ord("y")
        for _ in range(self.forgeries):
            ask.answer(bytes(forged))
        self._later(0.02, ask.reply)

    def _do_badcase(self, ask: "Ask") -> None:
        forged = ask.forged()
        for _ in range(self.forgeries):
            ask.answer(forged[:12] + forged[12 : ask.end - 4].swapcase() + forged[ask.end - 4 :])
        self._later(0.02, ask.reply)

    def _do_badport(self, ask: "Ask") -> None:
        for _ in range(self.forgeries):
            self._send(ask.forged(), ask.source, self._other)
        self._later(0.02, ask.reply)

    def _do_wrongowner(self, ask: "Ask") -> None:
        reply = dns.message.make_response(dns.message.from_wire(ask.data), recursion_available=True)
        kind = "AAAA" if ask.rtype == dns.rdatatype.AAAA else "A"
        address = FORGED6 if kind == "AAAA" else FORGED
        reply.answer.append(dns.rrset.from_text_list("other.test.", TTL, "IN", kind, [address]))
        ask.answer(reply.to_wire())

    def _do_echo(self, ask: "Ask") -> None:
        ask.answer(ask.data)

    def _do_garbage(self, ask: "Ask") -> None:
        ask.answer(self.random.randbytes(40))
        self._later(0.02, ask.reply)

    def _do_short(self, ask: "Ask") -> None:
        ask.answer(ask.true()[:-3])
        self._later(0.02, ask.reply)

    def _do_loop(self, ask: "Ask") -> None:
        head = ask.data[:2] + b"\x81\x80" + b"\0\1\0\1\0\0\0\0"
        where = ask.end
        record = struct.pack("!HHHIH", 0xC000 | where, ask.rtype, 1, TTL, 4) + b"\1\2\3\4"
        ask.answer(head + ask.data[12 : ask.end] + record)

    def _do_dup(self, ask: "Ask") -> None:
        ask.reply()
        ask.reply()

    def _do_reorder(self, ask: "Ask") -> None:
        pair = (ask.true(), ask.source)
        self._held.append(pair)

        def release() -> None:
            if pair in self._held:
                self._held.remove(pair)
                self._send(*pair)

        self._later(0.05, release)


# What changes the records of an answer.
SPECIAL = frozenset(
    "nx nxsoa nodata servfail refused formerr v4only v6only v6fail many oversize cname dangling cnameloop longchain "
    "ttl0 control".split()
)

RESET = b"\0RST"
HALF = b"\0HALF"


class Ask(NamedTuple):
    """A question that a fault answers."""

    server: FakeServer
    data: bytes
    name: str
    rtype: int
    end: int
    protocol: str
    source: Any
    answer: Callable[[bytes], object]
    # The connection of a question over TCP.
    stream: Any

    def true(self) -> bytes:
        """Return the right answer."""
        verb = self.name.partition(".")[0].lower()
        return self.server._reply(self.data, self.name, self.rtype, self.end, verb, self.protocol)

    def reply(self) -> None:
        """Send the right answer."""
        self.answer(self.true())

    def truncated(self) -> bytes:
        """Return an answer that says: ask over TCP."""
        return self.data[:2] + b"\x87\x80" + b"\0\1" + b"\0" * 6 + self.data[12 : self.end]

    def forged(self) -> bytes:
        """Return an answer that is right but for the address, which is FORGED."""
        address = FORGED6 if self.rtype == dns.rdatatype.AAAA else FORGED
        return _one_address(self.data, self.end, self.rtype, address)


def _address_records(owner: Any, name: str, kind: str, verb: str) -> list[Any]:
    address = address_of(name, kind)
    if verb in ("many", "oversize"):
        first = int(ipaddress.ip_address(address)) & ~0xFF
        make = ipaddress.IPv6Address if kind == "AAAA" else ipaddress.IPv4Address
        count = 40 if verb == "many" else 200
        return [(owner, kind, TTL, [str(make(first + n)) for n in range(1, count + 1)])]
    parent = owner.parent().to_text() if len(owner) > 1 else "."
    if verb == "cnameloop":
        other = f"other.{parent}"
        return [(owner, "CNAME", TTL, [other]), (other, "CNAME", TTL, [owner.to_text()])]
    if verb == "dangling":
        return [(owner, "CNAME", TTL, [f"nowhere.{parent}"])]
    links = {"cname": 3, "longchain": 40}.get(verb, 0)
    found: list[Any] = []
    for link in range(links):
        target = f"link{link}.{parent}"
        found.append((owner, "CNAME", TTL, [target]))
        owner = target
    return [*found, (owner, kind, 0 if verb == "ttl0" else TTL, [address])]


def _control(owner: Any, kind: str) -> list[Any]:
    bad = r"a\000b\010\027[31m\032\"<y>.test."
    if kind in ("A", "AAAA"):
        return [(owner, "CNAME", TTL, [bad]), (bad, kind, TTL, [address_of("control", kind)])]
    text = {"PTR": bad, "CNAME": bad, "NS": bad, "MX": f"10 {bad}", "SRV": f"0 0 1 {bad}"}.get(kind)
    if kind == "MX":
        return [(owner, kind, TTL, [text, "20 good.test."])]
    return [(owner, kind, TTL, [text])] if text else []


def _one_address(data: bytes, end: int, rtype: int, address: str) -> bytes:
    packed = ipaddress.ip_address(address).packed
    record = struct.pack("!HHHIH", 0xC00C, rtype, 1, TTL, len(packed)) + packed
    return data[:2] + b"\x81\x80" + b"\0\1\0\1\0\0\0\0" + data[12:end] + record


def _in_order(reply: Any) -> bytes:
    """Return the message on the wire, records in their order: `to_wire` shuffles them."""
    out = dns.renderer.Renderer(reply.id, reply.flags, 65535)
    out.add_question(reply.question[0].name, reply.question[0].rdtype)
    for section, rrsets in ((dns.renderer.ANSWER, reply.answer), (dns.renderer.AUTHORITY, reply.authority)):
        for rrset in rrsets:
            out.add_rrset(section, rrset, want_shuffle=False)
    if reply.opt is not None:
        out.add_opt(reply.opt)
    out.write_header()
    return bytes(out.get_wire())


def _type_text(rtype: int) -> str:
    return dns.rdatatype.to_text(rtype)


def _parse(data: bytes) -> tuple[str, int, int]:
    """Return the name and the type of the question, and where it ends."""
    labels = []
    at = 12
    while size := data[at]:
        labels.append(data[at + 1 : at + 1 + size].decode("latin-1"))
        at += 1 + size
    (rtype,) = struct.unpack_from("!H", data, at + 1)
    return ".".join(labels), rtype, at + 5


def _payload_size(data: bytes, end: int) -> int:
    """Return how large a datagram the asker takes: what its OPT record says, else 512."""
    if data[10:12] == b"\0\0" or data[end : end + 3] != b"\0\0\x29":
        return 512
    return max(512, struct.unpack_from("!H", data, end + 3)[0])


def _bound(address: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Return a UDP and a listening TCP socket on the same port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(50):
        udp = socket.socket(family, socket.SOCK_DGRAM)
        tcp = socket.socket(family, socket.SOCK_STREAM)
        try:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            udp.bind((address, port))
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            tcp.bind((address, udp.getsockname()[1]))
            tcp.listen(128)
        except OSError:
            udp.close()
            tcp.close()
            if port:
                raise
        else:
            return udp, tcp
    raise OSError(f"no port of {address} is free for both UDP and TCP")


def main() -> None:
    """Serve until the end of standard input; print the port first."""
    address, port, zone = (*sys.argv[1:4], *("127.0.0.1", "0", "")[len(sys.argv) - 1 :])
    records = {}
    if zone:
        with open(zone) as file:
            records = json.load(file)
    with FakeServer(address, int(port), zone=records) as server:
        print(server.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
