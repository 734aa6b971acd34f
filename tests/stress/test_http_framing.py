"""Mutated requests read by the server, by h11 and by llhttp: where two accept, they must read the same."""

import random
from collections.abc import Callable
from typing import Any

import h11
import httptools
import pytest
from support.http_vectors import ACCEPTED, BAD_CHUNKS, CHUNKED, LAST, MALFORMED, REFUSED_OTHERWISE, post

from greenrt.serve.http.connection import Connection
from greenrt.serve.http.limits import Limits
from greenrt.serve.http.protocol import RequestError
from greenrt.serve.http.request import read_request
from greenrt.serve.http.request_head import HeadParser

from .conftest import Campaign

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
# Most of these are refused; what is near them may not be.
SEEDS += [vector + NEXT for vector in (*MALFORMED.values(), *LAST.values())]
SEEDS += [
    vector + NEXT for vector, _ in (*ACCEPTED.values(), *REFUSED_OTHERWISE.values()) if len(vector) < 1000
]
SEEDS += [post(CHUNKED, body=body) + NEXT for body in BAD_CHUNKS.values() if len(body) < 1000]
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
PIECES += [
    b"Content-Length: 3\r\n",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"X:\r\n y\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"0\r\n\r\n",
    b"Host: b\r\n",
]


class Given:
    """A socket from which all that was given can be read."""

    def __init__(self, data: bytes, step: int) -> None:
        self.data = data
        self.step = step

    def recv(self, size: int) -> bytes:
        size = min(size, self.step)
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


def read_here(data: bytes, step: int) -> Found:
    connection, heads = Connection(Given(data, step), LIMITS, [0] * 1000), HeadParser({})
    found: list[tuple[str, str, bytes]] = []
    try:
        while (request := read_request(connection, heads)) is not None:
            environ = request.environ
            found.append((environ["REQUEST_METHOD"], environ["REQUEST_URI"], environ["wsgi.input"].read()))
            if not request.reusable:
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
    except h11.ProtocolError as error:
        return found, str(error)


class ByLlhttp:
    """What httptools calls back."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, bytes]] = []
        self.parser = httptools.HttpRequestParser(self)
        self.kept = True

    def on_message_begin(self) -> None:
        if not self.kept:
            raise EOFError
        self.target, self.body = b"", b""

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.found.append((self.parser.get_method().decode(), self.target.decode("latin-1"), self.body))
        self.kept = self.parser.should_keep_alive()


def read_by_llhttp(data: bytes) -> Found:
    reader = ByLlhttp()
    try:
        reader.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        return reader.found, "upgrade"
    except httptools.HttpParserError as error:
        return reader.found, "closed" if not reader.kept else str(error)
    return reader.found, "" if reader.kept else "closed"


def mutated(chance: random.Random) -> bytes:
    data = bytearray(chance.choice(SEEDS[:4] if chance.random() < 0.5 else SEEDS))
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


def compare(campaign: Any, read_there: Callable[[bytes], Found], excused: set[str]) -> None:
    """Read a million requests on both sides; `excused` is what the other side may refuse where we do not."""
    chance = random.Random(7)
    refused = excuses = 0
    for _ in campaign.rounds(1_000_000, least=1000):
        data = mutated(chance)
        # Where the pieces end must not matter.
        here, why = read_here(data, chance.choice((1, 3, 20, 20000)))
        there, complaint = read_there(data)
        if here == there:
            continue
        both = min(len(here), len(there))
        assert here[:both] == there[:both], (data, here, why, there, complaint)
        if len(here) < len(there):
            assert why, (data, here, there, complaint)
            refused += 1
        else:
            assert complaint in excused, (data, here, why, there, complaint)
            excuses += 1
    campaign.report(
        f"{campaign.done} requests, of which {refused} were refused here only and {excuses} there only"
    )


def test_framing_agrees_with_h11(campaign: Campaign) -> None:
    # It takes no empty line before a request, as RFC 9112 2.2 says one should, and keeps no connection of HTTP/1.0.
    compare(campaign, read_by_h11, {"no request line received", "closed"})


def test_framing_agrees_with_llhttp(campaign: Campaign) -> None:
    # It has a list of methods; it takes no tab after a coding, which is white space as any (RFC 9110 5.5); and it
    # does what trailer fields say of the connection, where they have no say (RFC 9110 6.5.1).
    methods = {"Invalid method encountered", "Expected space after method"}
    compare(campaign, read_by_llhttp, {*methods, "Request has invalid `Transfer-Encoding`", "closed"})
