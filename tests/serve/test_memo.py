"""Caches that clients fill: an attack with distinct texts causes neither lasting memory nor lasting costs."""

import time
import tracemalloc
from typing import Any

import pytest
from support.wsgi import InMemory, Pieces, limits, request

from greenrt.serve.http.memo import LONGEST, MOST, remember

LARGE = limits(field=1 << 20, head=1 << 20, fields=1 << 20)
# Larger than the limit of a table's entries.
TEXTS = 2 * MOST


def reflecting(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with the status or the header names in the query."""
    kind, _, text = environ["QUERY_STRING"].partition("=")
    names = text.split(",") if kind.startswith("header") else []
    start_response(f"200 {text}" if kind == "status" else "200 OK", [(name, "x") for name in names])
    return []


def serve(requests: list[bytes]) -> None:
    sock = Pieces(iter(requests))
    InMemory(reflecting, limits=LARGE).handle(sock, ("127.0.0.1", 1))
    assert sock.sent.count(b"HTTP/1.1 200 ") == len(requests)


def sent(kind: str, text: str) -> bytes:
    """Return a request with `text` as a field name, as its host, or as a part of its response."""
    if kind == "name":
        return request(f"{text}: x", close=False)
    if kind == "host":
        return f"GET / HTTP/1.1\r\nHost: {text}\r\n\r\n".encode()
    if kind == "URL":
        return request(line=f"GET http://{text}/ HTTP/1.1", close=False)
    return request(line=f"GET /?{kind}={text} HTTP/1.1", close=False)


KINDS = ["name", "host", "URL", "status", "header"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_attack_with_long_texts_keeps_no_memory(kind: str) -> None:
    serve([sent(kind, "a")])
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        serve([sent(kind, f"{number}-" + "a" * 8000) for number in range(50)])
        # The texts have 400 kB in all.
        assert tracemalloc.get_traced_memory()[0] - before < 200_000
    finally:
        tracemalloc.stop()


def many(kind: str, names: list[str]) -> bytes:
    """Return a request with `count` fields, or one whose response has as many."""
    if kind == "name":
        return request(*(f"{name}: x" for name in names), close=False)
    return request(line=f"GET /?headers={','.join(names)} HTTP/1.1", close=False)


def cost(kind: str, prefix: str) -> int:
    """Return the processor time of requests with the same hundred field names, which have a given prefix."""
    names = [f"{prefix}-{number}" for number in range(100)]
    # Two requests alternate, so that the fields of the previous one are not reused.
    requests = [many(kind, names), many(kind, names[::-1])] * 20
    best = 1 << 60
    for _ in range(7):
        began = time.thread_time_ns()
        serve(requests)
        best = min(best, time.thread_time_ns() - began)
    return best


@pytest.mark.parametrize("kind", ["name", "header"])
def test_an_attack_with_distinct_names_does_not_raise_the_cost(kind: str) -> None:
    cost(kind, "Usual")
    serve([sent(kind, f"{kind}-{number}") for number in range(TEXTS)])
    # A table that stays full knows the usual names, and is slow with others in all attempts. A busy machine is slow
    # with either, in some attempts.
    assert any(cost(kind, f"Other-{attempt}") < 1.4 * cost(kind, "Usual") for attempt in range(5))


@pytest.mark.parametrize("kind", KINDS)
def test_an_attack_with_short_texts_keeps_little_memory(kind: str) -> None:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        serve([sent(kind, f"{number:05}-" + "a" * (LONGEST - 6)) for number in range(TEXTS)])
        assert tracemalloc.get_traced_memory()[0] - before < 1_000_000
    finally:
        tracemalloc.stop()


def test_bounds_of_a_table() -> None:
    table: dict[str, int] = {}
    for number in range(10 * MOST):
        remember(table, str(number), number)
        assert len(table) <= MOST
        assert table[str(number)] == number
    remember(table, "a" * LONGEST, 1)
    remember(table, "a" * (LONGEST + 1), 1)
    assert table["a" * LONGEST] == 1
    assert "a" * (LONGEST + 1) not in table
