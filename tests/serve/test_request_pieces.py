"""Requests in pieces of any size: neither the outcome nor the cost of a byte depends on the boundaries."""

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.http_vectors import (
    ACCEPTED,
    BAD_CHUNKS,
    CHUNKED,
    LAST,
    MALFORMED,
    REFUSED_OTHERWISE,
    SMUGGLED,
    post,
)
from support.wsgi import InMemory, Pieces, limits, request

ODD = {
    "method that begins with a digit": request(line="1GET /p HTTP/1.1", close=False),
    "method that is an underscore": request(line="_ /p HTTP/1.1", close=False),
    "two empty lines": b"\r\n\r\n" + request(close=False),
    "an empty line between requests": request(close=False) + b"\r\n" + request(close=False),
    "too many fields, then a wrong line": request(*["a: b"] * 101, "c\nd", close=False),
    "a wrong line, then too many fields": request("c\nd", *["a: b"] * 101, close=False),
    "a control character past the limit of a field": request("a: " + "b" * 9000 + "\0", close=False),
    "a control character before that limit": request("a: \0" + "b" * 9000, close=False),
    "a version and a field that are wrong": request("a b: c", line="GET / HTTP/2.0", close=False),
    "a head cut off": request()[:-2],
    "the head of a body cut off": post(CHUNKED, body=b"3\r\nab"),
    "a field as long as allowed": request("a: " + "b" * 8189),
    "a field that is one byte longer": request("a: " + "b" * 8190),
    "a body that the application reads in part": post(CHUNKED, body=b"1\r\na\r\n" * 9 + b"0\r\n\r\n"),
}
VECTORS = {
    **ODD,
    **MALFORMED,
    **LAST,
    **{name: sent for name, (sent, _) in (ACCEPTED | REFUSED_OTHERWISE).items()},
    **{f"chunks: {name}": post(CHUNKED, body=body) for name, body in BAD_CHUNKS.items()},
}
SERVER = InMemory(limits=limits(body=1000))


def outcome(pieces: Iterator[bytes], read: str) -> tuple[list[Any], list[Any]]:
    """Return what the application sees and, for each response, the status and whether it is the last one."""
    seen: list[Any] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"]
        texts = {key: value for key, value in environ.items() if isinstance(value, str)}
        seen.append(texts)
        try:
            if read == "all":
                seen.append(body.read())
            elif read == "bytes":
                while byte := body.read(1):
                    seen.append(byte)
            else:
                seen.append(body.read(2))
        except OSError as error:
            seen.append((type(error), str(error)))
            raise
        start_response("200 OK", [])
        return [b""]

    SERVER.application = application
    sock = Pieces(pieces)
    SERVER.handle(sock, ("127.0.0.1", 1))
    heads = [head for head in sock.sent.split(b"\r\n\r\n") if head.startswith(b"HTTP/")]
    return seen, [(head.partition(b"\r\n")[0], b"Connection: close" in head) for head in heads]


def cut(data: bytes, sizes: Iterator[int]) -> Iterator[bytes]:
    place = 0
    for size in sizes:
        if place >= len(data):
            return
        yield data[place : place + size]
        place += size


def same(size: int) -> Iterator[int]:
    while True:
        yield size


@pytest.mark.parametrize("read", ["all", "bytes", "part"])
def test_every_vector_whole_in_random_pieces_and_byte_by_byte(read: str) -> None:
    chance = random.Random(7)
    for name, sent in VECTORS.items():
        data = sent + SMUGGLED
        whole = outcome(cut(data, same(len(data))), read)
        for sizes in (same(1), iter(lambda: chance.randint(1, 40), 0)):
            assert outcome(cut(data, sizes), read) == whole, name


# Each function takes the length.
DRIPPING = {
    "a head of many fields": lambda size: b"GET / HTTP/1.1\r\n" + b"a:\r\n" * (size // 4),
    "a head of one field": lambda size: b"GET / HTTP/1.1\r\na:" + b"b" * size,
    "a request line": lambda size: b"GET /" + b"a" * size,
    "fields of one name": lambda size: request(*["a:"] * (size // 4)),
    "tiny chunks": lambda size: post(CHUNKED, body=b"1\r\na\r\n" * (size // 6)),
    "an extension of a chunk": lambda size: post(CHUNKED, body=b"1;" + b"a" * size),
    "trailers": lambda size: post(CHUNKED, body=b"0\r\n" + b"a:\r\n" * (size // 4)),
    "one trailer": lambda size: post(CHUNKED, body=b"0\r\na:" + b"b" * size),
    "pipelined requests": lambda size: request(close=False) * (size // 31),
}
LARGE = dict.fromkeys(
    ("request_line", "field", "head", "fields", "body", "chunk_extension", "trailers"), 1 << 20
)


def cost(data: bytes, step: int) -> float:
    """Return the processor time of one connection that receives this, the least of three."""
    found = []
    for _ in range(3):
        began = time.thread_time()
        outcome(cut(data, same(step)), "all")
        found.append(time.thread_time() - began)
    return min(found)


@pytest.mark.parametrize("step", [1, 20_000], ids=["bytes", "pieces"])
@pytest.mark.parametrize("name", DRIPPING)
def test_the_cost_of_a_request_is_linear(name: str, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SERVER, "limits", limits(**LARGE))
    # The input is four times as long. A quadratic cost is sixteen times as high in every attempt; a busy machine is
    # slow in some.
    attempts = ([cost(DRIPPING[name](size), step) for size in (8192, 32768)] for _ in range(10))
    assert any(long <= 6 * short + 0.002 for short, long in attempts)
