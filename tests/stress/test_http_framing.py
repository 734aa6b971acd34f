"""Mutated requests read by the server and by h11: where both accept, they must read the same."""

import random
from typing import Any

import h11
import pytest

from greenrt.serve.http.errors import RequestError
from greenrt.serve.http.limits import Limits
from greenrt.serve.http.request import read_request
from greenrt.serve.http.wire import Wire

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(1800)]

Found = tuple[list[tuple[str, str, bytes]], str]

LIMITS = Limits()
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKS = b"3\r\nabc\r\n5;x=y\r\nabcde\r\n0\r\nT: r\r\n\r\n"
SEEDS = [
    b"GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n" * 2,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + NEXT,
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + NEXT,
    b"GET http://h:80/p?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
]
PIECES = [
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b"\0",
    b",",
    b"1",
    b"a",
    b";",
    b"+",
    b"_",
    b"0x",
    b"chunked",
]
PIECES += [b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"Host: b\r\n"]


class Given:
    """A socket from which all that was given can be read."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def recv(self, size: int) -> bytes:
        found, self.data = self.data[:size], self.data[size:]
        return found

    def recv_into(self, view: memoryview) -> int:
        found = self.recv(len(view))
        view[: len(found)] = found
        return len(found)

    def settimeout(self, seconds: float | None) -> None:
        pass

    def send(self, data: bytes) -> int:
        return len(data)


def read_here(data: bytes) -> Found:
    wire = Wire(Given(data), LIMITS)
    found: list[tuple[str, str, bytes]] = []
    try:
        while (request := read_request(wire, {})) is not None:
            environ = request.environ
            found.append((environ["REQUEST_METHOD"], environ["REQUEST_URI"], environ["wsgi.input"].read()))
            if not request.persistent:
                return found, "closed"
    except (RequestError, ConnectionError) as error:
        return found, str(error)
    return found, ""


def read_by_h11(data: bytes) -> Found:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LIMITS.head)
    connection.receive_data(data)
    connection.receive_data(b"")
    found: list[tuple[str, str, bytes]] = []
    try:
        while True:
            event: Any = connection.next_event()
            if isinstance(event, h11.Request):
                method, target, body = event.method.decode(), event.target.decode("latin-1"), b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                found.append((method, target, body))
                connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    return found, "closed"
                connection.start_next_cycle()
            else:
                return found, ""
    except h11.RemoteProtocolError as error:
        return found, str(error)


def mutated(chance: random.Random) -> bytes:
    data = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(data))
        kind = chance.random()
        if kind < 0.4:
            data[place:place] = chance.choice(PIECES)
        elif kind < 0.7:
            del data[place : place + chance.randint(1, 3)]
        elif kind < 0.85:
            data[place] = chance.randrange(256)
        else:
            other = chance.randrange(len(data))
            data[place:place] = data[other : other + chance.randint(1, 30)]
    return bytes(data)


def test_framing_agrees_with_h11(campaign: Any) -> None:
    chance = random.Random(7)
    refused = 0
    for _ in campaign.rounds(1_000_000, least=1000):
        data = mutated(chance)
        here, why = read_here(data)
        there, complaint = read_by_h11(data)
        # h11 takes no empty line before a request, as RFC 9112 2.2 says one should.
        if here == there or "no request line received" in complaint:
            continue
        # Else the server may only have refused what h11 accepts.
        assert why, (data, here, there, complaint)
        assert here == there[: len(here)], data
        refused += 1
    campaign.report(f"{campaign.done} requests, of which {refused} were refused here and not by h11")
