"""Servers that never stop sending: the process reads a limited amount, and the server counts as failed."""

import contextlib
import os
import socket
import threading
import time
from types import SimpleNamespace

import pycares
import pytest
from support.fake_name_server import FakeServer, address_of

import greenrt
from greenrt.dns import read_budget, udp
from greenrt.dns.answer import Malformed, ResolverError, ServFail, TimedOut
from greenrt.dns.stub import Stub

# How much processor time a lookup may use (seconds). Reading everything would take the whole time limit.
COST = 0.25


@pytest.fixture
def one_try(stub: Stub, configuration: SimpleNamespace) -> Stub:
    """Let the stub query a server once, for half a second."""
    configuration.timeout, configuration.attempts = 0.5, 1
    stub.configure(configuration)
    return stub


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes (bytes) of the data that each read of a socket by c-ares finds."""
    found = []
    original = read_budget.ReadBudget.spend

    def spend(self: read_budget.ReadBudget) -> bool:
        before = self._bytes
        go_on = original(self)
        found.append(before - self._bytes)
        return go_on

    monkeypatch.setattr(read_budget.ReadBudget, "spend", spend)
    return found


def sockets() -> set[int]:
    """Return the descriptors of this process's sockets."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                found.add(int(name))
    return found


@pytest.mark.parametrize("verb", ["endless", "zeros", "halftcp"])
@pytest.mark.parametrize("rtype", ["A", "MX"])
def test_a_stream_without_end(one_try: Stub, reads: list[int], verb: str, rtype: str) -> None:
    """c-ares 1.34 continues to read while its buffer fills, and keeps a connection that ends within a message."""
    spent = time.thread_time()
    with pytest.raises((TimedOut, ServFail, Malformed)):
        one_try.query(f"{verb}.test", rtype)
    assert time.thread_time() - spent < COST
    # There are the sockets of the UDP query and of the stream. Every read of the stream costs at least one byte.
    assert sum(reads) <= read_budget.MAX_STREAM_BYTES + 65536 * 2
    assert len(reads) <= read_budget.MAX_STREAM_READS + 10


def test_a_stream_of_empty_messages_is_refused(one_try: Stub) -> None:
    with pytest.raises(Malformed):
        one_try.query("void.test", "A")


def test_the_next_server_answers(stub: Stub, configuration: SimpleNamespace) -> None:
    with FakeServer() as hostile, FakeServer() as good:
        hostile.fault = "endless"
        configuration.servers = [hostile.server, good.server]
        configuration.use_vc = True
        configuration.timeout = 0.3
        stub.configure(configuration)
        assert stub.query("a.test", "A").records == [address_of("a.test")]
        assert hostile.asked("a.test")


def test_other_greenlets_run_during_a_stream_without_end(one_try: Stub) -> None:
    lookup = greenrt.spawn(one_try.query, "endless.test", "A")
    longest = 0.0
    while not lookup.ready():
        spent = time.thread_time()
        greenrt.sleep(0.001)
        longest = max(longest, time.thread_time() - spent)
    assert longest < COST
    assert isinstance(lookup.exception, ResolverError)


def test_answers_that_arrive_byte_by_byte(one_try: Stub) -> None:
    assert one_try.query("drip.test", "A").records == [address_of("drip.test")]


def test_each_answer_refills_the_budget_of_its_connection(
    stub: Stub, configuration: SimpleNamespace, server: FakeServer, reads: list[int]
) -> None:
    configuration.use_vc = True
    configuration.timeout = 10.0
    stub.configure(configuration)
    # The connection stays open while a query is in flight.
    held = stub.submit("drop.test", "A")
    for _ in range(50):
        assert len(stub.query("oversize.test", "AAAA").records) == 200
    held.cancel()
    assert sum(reads) > read_budget.MAX_STREAM_BYTES
    assert len({packet.source for packet in server.packets}) == 1


@pytest.mark.parametrize("rtype", ["A", "PTR"])
def test_a_storm_of_datagrams_makes_the_stub_ask_over_tcp(
    one_try: Stub, server: FakeServer, rtype: str
) -> None:
    """A host that does not see the connection cannot forge an answer over TCP."""
    spent = time.thread_time()
    if rtype == "A":
        assert one_try.query("storm.test", "A").records == [address_of("storm.test")]
    else:
        with pytest.raises(ResolverError):
            one_try.query("storm.test", "PTR")
    assert time.thread_time() - spent < COST
    assert [packet.protocol for packet in server.asked("storm.test")] == ["udp", "tcp"]


def test_a_storm_of_datagrams_ends_a_question_to_one_server_only(
    stub: Stub, configuration: SimpleNamespace
) -> None:
    with FakeServer() as hostile, FakeServer() as good:
        hostile.fault = "storm"
        configuration.servers = [hostile.server, good.server]
        stub.configure(configuration)
        assert stub.query("a.test", "A").records == [address_of("a.test")]
        assert [packet.protocol for packet in hostile.asked("a.test")] == ["udp"]


def test_a_storm_of_failures_from_a_server_that_was_asked_before(
    stub: Stub, configuration: SimpleNamespace
) -> None:
    """The exchange does not wait for these datagrams, but their number is limited too."""
    with FakeServer() as hostile, FakeServer() as slow:
        hostile.fault = "refused"
        hostile.mangle = lambda reply, random: [reply] * (3 * udp.MAX_UNUSABLE)
        may_answer = threading.Event()
        slow.mangle = lambda reply, random: [reply] if may_answer.wait(30) else []
        configuration.servers = [hostile.server, slow.server]
        configuration.timeout, configuration.attempts = 30.0, 1
        stub.configure(configuration)
        before = sockets()
        lookup = stub.submit("a.test", "A")
        try:
            # The socket of the query to the first server is closed while the second one has yet to answer.
            with greenrt.Timeout(10):
                while not slow.asked("a.test") or len(sockets() - before) != 1:
                    greenrt.sleep(0.001)
        finally:
            may_answer.set()
        assert lookup.result().records == [address_of("a.test")]


def test_a_storm_of_datagrams_at_a_socket_of_c_ares(one_try: Stub, reads: list[int]) -> None:
    spent = time.thread_time()
    with pytest.raises((TimedOut, ServFail)):
        one_try.query("storm.test", "MX")
    assert time.thread_time() - spent < COST
    assert len(reads) == read_budget.MAX_DATAGRAM_READS + 1
    assert not pycares._handle_to_channel


def test_a_peer_that_takes_connections_and_says_nothing(stub: Stub) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    stub.configure(
        SimpleNamespace(servers=[f"127.0.0.1:{port}"], timeout=0.2, attempts=1, rotate=False, use_vc=True)
    )
    spent = time.thread_time()
    with pytest.raises(TimedOut):
        stub.query("a.test", "A")
    assert time.thread_time() - spent < COST
    listener.close()
