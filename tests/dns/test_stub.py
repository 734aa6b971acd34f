"""The stub with a faulty server: its results, the waiters that it wakes up, and no leaks."""

import gc
import os
import resource
import socket
import time
import traceback
from collections.abc import Callable
from random import Random
from types import SimpleNamespace

import pycares
import pytest
from support.fake_name_server import FakeServer, address_of

import greenrt
from greenrt import _log
from greenrt.dns.answer import Malformed, NoData, NxDomain, ResolverError, ServFail, TimedOut
from greenrt.dns.stub import MAX_ORPHANS, Stub
from greenrt.green import os as green_os


@pytest.mark.parametrize(
    "name",
    [
        "a.test",
        "drop1.a.test",
        "slow30.a.test",
        "tc.test",
        "badid.test",
        "badq.test",
        "badcase.test",
        "badport.test",
        "dup.test",
        "reorder.test",
        "ttl0.test",
        "garbage.test",
    ],
)
@pytest.mark.parametrize("rtype", ["A", "AAAA"])
def test_addresses(stub: Stub, name: str, rtype: str) -> None:
    answer = stub.query(name, rtype)
    assert answer.records == [address_of(name, rtype)]
    assert (answer.canonical, answer.cnames) == (name, [])


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("nx.test", NxDomain),
        ("nodata.test", NoData),
        ("dangling.test", NoData),
        ("servfail.test", ServFail),
        ("refused.test", ServFail),
        ("drop.test", TimedOut),
        ("short.test", Malformed),
        ("loop.test", Malformed),
        ("cnameloop.test", Malformed),
        ("longchain.test", Malformed),
        ("control.test", Malformed),
        ("echo.test", TimedOut),
        ("formerr.test", Malformed),
        ("wrongowner.test", NoData),
        ("rst.test", ServFail),
        ("halftcp.test", ServFail),
    ],
)
def test_errors(stub: Stub, name: str, error: type[ResolverError]) -> None:
    with pytest.raises(error) as caught:
        stub.query(name, "A")
    assert (caught.value.name, caught.value.rtype) == (name, "A")


def test_an_alias_is_followed(stub: Stub) -> None:
    answer = stub.query("cname.Case.test", "A")
    assert answer.cnames == ["cname.Case.test", "link0.Case.test", "link1.Case.test"]
    assert answer.canonical == "link2.Case.test"
    assert answer.records == [address_of("cname.case.test")]


@pytest.mark.parametrize(
    "name", ["", "a..b", ".a", "a b.test", "a\0b", "a\\032b", "ä.test", "a" * 64, "a." * 127 + "b", "a\nb"]
)
def test_a_name_that_cannot_be_asked_for(stub: Stub, server: FakeServer, name: str) -> None:
    with pytest.raises(Malformed):
        stub.query(name, "A")
    assert server.packets == []


def test_a_type_that_cannot_be_asked_for(stub: Stub) -> None:
    with pytest.raises(ValueError, match="NAPTR"):
        stub.query("a.test", "AXFR")


def test_large_answers(stub: Stub, server: FakeServer) -> None:
    assert len(stub.query("many.test", "A").records) == 40
    assert [packet.protocol for packet in server.asked("many.test")] == ["udp"]
    assert len(stub.query("oversize.test", "A").records) == 200


def test_each_question_has_a_port_an_id_and_a_spelling_of_its_own(stub: Stub, server: FakeServer) -> None:
    names = [f"abcdefghijklmnop{number}.test" for number in range(40)]
    greenrt.joinall([greenrt.spawn(stub.query, name, "A") for name in names], raise_error=True)
    packets = list(server.packets)
    assert len({packet.source for packet in packets}) == 40
    # 40 random ids of 16 bits: in one of a hundred cases, two are equal.
    assert len({packet.id for packet in packets}) > 35
    assert len({packet.name[:16] for packet in packets}) > 35
    assert all(packet.edns for packet in packets)


def test_tcp_only(stub: Stub, server: FakeServer, configuration: SimpleNamespace) -> None:
    configuration.use_vc = True
    stub.configure(configuration)
    assert stub.query("a.test", "A").records == [address_of("a.test")]
    assert [packet.protocol for packet in server.packets] == ["tcp"]


def test_the_second_server_is_asked_when_the_first_is_silent(
    stub: Stub, server: FakeServer, configuration: SimpleNamespace
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        configuration.servers = [f"127.0.0.1:{silent.getsockname()[1]}", server.server]
        stub.configure(configuration)
        assert stub.query("a.test", "A").records == [address_of("a.test")]


def test_no_server_there(stub: Stub, configuration: SimpleNamespace) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        # The test's socket has its port, so the stub cannot get that port and hear itself. Other senders are refused.
        sock.connect(("127.0.0.1", 9))
        with pytest.raises(ServFail, match="no name server could be reached"):
            stub.query("a.test", "A", servers=[f"127.0.0.1:{sock.getsockname()[1]}"])


def test_servers_that_are_no_addresses(stub: Stub) -> None:
    with pytest.raises(ValueError, match="bogus"):
        stub.query("a.test", "A", servers=["bogus"])


def test_the_channels_of_other_servers_do_not_stay(stub: Stub) -> None:
    for _ in range(20):
        with FakeServer() as other:
            assert stub.query("a.test", "A", servers=[other.server]).records
            assert other.packets
    assert len(stub._transports) <= 2


def test_no_cache_unless_asked_for(stub: Stub, server: FakeServer) -> None:
    for _ in range(3):
        stub.query("a.test", "A")
    assert len(server.packets) == 3


def test_cache(server: FakeServer, configuration: SimpleNamespace) -> None:
    stub = Stub(cache=True)
    stub.configure(configuration)
    for _ in range(3):
        assert stub.query("a.test", "A").records == [address_of("a.test")]
        assert stub.query("ttl0.test", "A").records
        for name, error in [("nodata.test", NoData), ("nx.test", NxDomain)]:
            with pytest.raises(error):
                stub.query(name, "A")
    counts = {name: len(server.asked(name)) for name in ("a.test", "ttl0.test", "nodata.test", "nx.test")}
    assert counts == {"a.test": 1, "ttl0.test": 3, "nodata.test": 1, "nx.test": 3}
    configuration.timeout = 0.4
    stub.configure(configuration)
    stub.query("a.test", "A")
    assert len(server.asked("a.test")) == 2
    stub.close()


def test_equal_questions_under_way_are_one(stub: Stub, server: FakeServer) -> None:
    lets = [greenrt.spawn(stub.query, "slow50.test", "A") for _ in range(5)]
    greenrt.joinall(lets, raise_error=True)
    assert len(server.packets) == 1
    lists = [let.value.records for let in lets]
    lists[0].clear()
    assert lists[1] == [address_of("slow50.test")]


def test_equal_questions_are_asked_each_if_wanted(server: FakeServer, configuration: SimpleNamespace) -> None:
    stub = Stub(coalesce=False)
    stub.configure(configuration)
    lets = [greenrt.spawn(stub.query, "slow50.test", "A") for _ in range(5)]
    greenrt.joinall(lets, raise_error=True)
    assert len(server.packets) == 5
    stub.close()


def test_one_asker_leaves_and_the_others_get_their_answer(stub: Stub) -> None:
    stays = greenrt.spawn(stub.query, "slow400.test", "A")
    killed = greenrt.spawn(stub.query, "slow400.test", "A")
    hurried = greenrt.spawn(stub.query, "slow400.test", "A", timeout=0.01)
    greenrt.sleep(0.02)
    killed.kill()
    assert isinstance(hurried.exception or hurried.join() or hurried.exception, TimedOut)
    assert stays.get().records == [address_of("slow400.test")]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("rtype", ["A", "MX"])
def test_a_killed_or_timed_out_asker_frees_its_question(stub: Stub, rtype: str) -> None:
    stub.query("a.test", "A")
    before = open_files()
    lets = [greenrt.spawn(stub.query, f"drop.{number}.test", rtype) for number in range(50)]
    greenrt.sleep(0.02)
    assert open_files() >= before + 50
    greenrt.killall(lets[:25])
    with pytest.raises(greenrt.Timeout), greenrt.Timeout(0.01):
        stub.query("drop.x.test", rtype)
    greenrt.killall(lets[25:])
    assert open_files() <= before
    assert not pycares._handle_to_channel


def test_orphans_do_not_pile_up_while_others_wait(stub: Stub) -> None:
    stays = greenrt.spawn(stub.query, "slow400.test", "MX")
    for number in range(5 * MAX_ORPHANS):
        stub.submit(f"drop.{number}.test", "MX").cancel()
        greenrt.idle()
    assert len(pycares._handle_to_channel) <= 2 * MAX_ORPHANS + 5
    with pytest.raises(NoData):
        stays.get()


def test_two_questions_at_once_by_one_greenlet(stub: Stub) -> None:
    v4, v6 = stub.submit("slow40.test", "A"), stub.submit("slow40.test", "AAAA")
    started = time.monotonic()
    assert v4.result().records == [address_of("slow40.test")]
    assert v6.result().records == [address_of("slow40.test", "AAAA")]
    assert time.monotonic() - started >= 0.04


def test_a_change_of_configuration_concerns_the_next_question(
    stub: Stub, configuration: SimpleNamespace
) -> None:
    """libevent's resolver reads resolv.conf once: a change requires a restart of the program."""
    with FakeServer() as other:
        under_way = greenrt.spawn(stub.query, "slow60.test", "A")
        greenrt.sleep(0.01)
        configuration.servers = [other.server]
        stub.configure(configuration)
        stub.query("a.test", "A")
        assert other.asked("a.test")
        assert under_way.get().records == [address_of("slow60.test")]
        assert not other.asked("slow60.test")
    assert all(transport.is_idle() for transport in stub._transports.values())


def test_close_wakes_the_waiters(stub: Stub) -> None:
    lets = [greenrt.spawn(stub.query, f"drop.{number}.test", "A") for number in range(3)]
    greenrt.sleep(0.01)
    stub.close()
    greenrt.joinall(lets)
    assert all(isinstance(let.exception, ServFail) and "closed" in str(let.exception) for let in lets)
    with pytest.raises(RuntimeError, match="make a new one"):
        stub.query("a.test", "A")


def test_a_forgotten_stub_holds_nothing(server: FakeServer, configuration: SimpleNamespace) -> None:
    stub = Stub()
    stub.configure(configuration)
    stub.query("a.test", "A")
    del stub
    gc.collect()
    # The leak check runs after the test.


def test_an_answer_that_c_ares_loses_is_given_up(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stub.configure(
        SimpleNamespace(servers=["127.0.0.1"], timeout=0.01, attempts=1, rotate=False, use_vc=False)
    )
    monkeypatch.setattr("greenrt.dns.stub.GRACE", 0.02)
    monkeypatch.setattr("greenrt.dns.cares.Channel.ask", lambda self, flight, name, rtype: None)
    with pytest.raises(TimedOut):
        stub.query("a.test", "MX")
    assert _log.flush(10)
    assert "the question for MX of 'a.test' got no result" in caplog.text


def test_garbage_is_skipped_however_much_there_is(stub: Stub, server: FakeServer) -> None:
    server.mangle = lambda reply, random: [
        b"",
        reply[:11],
        reply[:2],
        random.randbytes(40),
        # A question, a header without more, another class, another kind of message.
        reply[:2] + b"\1" + reply[3:],
        reply[:12],
        reply[:2] + b"\xa9" + reply[3:],
        reply,
    ]
    lets = [greenrt.spawn(stub.query, f"n{number}.test", "A") for number in range(50)]
    greenrt.joinall(lets, raise_error=True)
    assert len(server.packets) == 50


def test_a_server_that_does_not_know_edns(stub: Stub, server: FakeServer) -> None:
    def old(reply: bytes, random: Random) -> list[bytes]:
        return [reply if not server.packets[-1].edns else reply[:2] + b"\x80\x81" + bytes(8)]

    server.mangle = old
    assert stub.query("a.test", "A").records == [address_of("a.test")]
    assert [packet.edns for packet in server.packets] == [True, False]


def test_a_server_that_does_not_repeat_the_case_of_letters(
    stub: Stub, server: FakeServer, configuration: SimpleNamespace
) -> None:
    # Only the names are compared: a byte of the id may look like a letter.
    server.mangle = lambda reply, random: [reply[:12] + reply[12:].lower()]
    name = "abcdefghijklmnopqrst.test"
    assert stub.query(name, "AAAA").records == [address_of(name, "AAAA")]
    assert [packet.protocol for packet in server.packets] == ["udp", "tcp"]


def test_a_lame_server(stub: Stub, server: FakeServer, configuration: SimpleNamespace) -> None:
    with FakeServer() as lame:
        lame.mangle = lambda reply, random: [reply[:2] + b"\x80\0\0\1" + bytes(6) + reply[12:30]]
        configuration.servers = [lame.server, server.server]
        stub.configure(configuration)
        assert stub.query("name-0.test", "A").records == [address_of("name-0.test")]
        assert len(lame.packets) == 1


def test_a_late_answer_of_the_first_server_is_one(
    stub: Stub, server: FakeServer, configuration: SimpleNamespace
) -> None:
    with FakeServer() as other:
        other.loss = 1.0
        configuration.servers, configuration.timeout = [server.server, other.server], 0.2
        stub.configure(configuration)
        assert stub.query("slow300.test", "A").records == [address_of("slow300.test")]


def test_more_questions_than_descriptors(stub: Stub, server: FakeServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    stub.query("a.test", "A")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 20, hard))
    try:
        lets = [greenrt.spawn(stub.query, f"slow5.{number}.test", "A") for number in range(60)]
        greenrt.joinall(lets, raise_error=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def in_child(body: Callable[[], object]) -> None:
    """Run `body` in the child of a fork, and fail if it fails."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            greenrt.get_hub().loop.reinit()
            body()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    deadline = time.monotonic() + 20
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline, "the child hangs"
        greenrt.sleep(0.005)


def test_a_fork_in_the_middle_of_lookups(stub: Stub, server: FakeServer) -> None:
    """libevent's resolver shares its sockets with the child, and each receives the other's answers."""
    lets = [greenrt.spawn(stub.query, f"slow400.{number}.test", "A") for number in range(10)]
    greenrt.sleep(0.01)

    def in_both() -> None:
        for number, let in enumerate(lets):
            assert let.get().records == [address_of(f"slow400.{number}.test")]
        assert stub.query("after.test", "A").records == [address_of("after.test")]

    in_child(in_both)
    in_both()
    assert len(server.asked("slow400.3.test")) >= 2
    assert not pycares._handle_to_channel


def test_lost_packets_are_asked_for_again(
    stub: Stub, server: FakeServer, configuration: SimpleNamespace
) -> None:
    """libevent's resolver fails at random if packets are lost."""
    configuration.timeout = 0.3
    configuration.attempts = 6
    stub.configure(configuration)
    server.loss = 0.2
    lets = [greenrt.spawn(stub.query, f"n{number}.test", "A") for number in range(100)]
    greenrt.joinall(lets)
    failed = [let.exception for let in lets if let.exception is not None]
    assert len(failed) <= 5
    assert all(isinstance(error, TimedOut) for error in failed)


def test_silent_names_delay_no_other_query(stub: Stub, configuration: SimpleNamespace) -> None:
    configuration.timeout = 20
    stub.configure(configuration)
    silent = [greenrt.spawn(stub.query, f"drop.{number}.test", "A") for number in range(10)]
    greenrt.joinall(
        [greenrt.spawn(stub.query, f"n{number}.test", "A") for number in range(100)], raise_error=True
    )
    assert not any(let.ready() for let in silent)
    greenrt.killall(silent)


def test_damaged_answers_wake_everyone(stub: Stub, server: FakeServer) -> None:
    def damaged(reply: bytes, random: Random) -> list[bytes]:
        reply = bytearray(reply)
        for _ in range(random.randint(1, 8)):
            reply[random.randrange(2, len(reply))] = random.randrange(256)
        return [bytes(reply)]

    server.mangle = damaged
    lets = [greenrt.spawn(stub.query, f"n{number}.test", "A") for number in range(200)]
    greenrt.joinall(lets)
    assert all(let.exception is None or isinstance(let.exception, ResolverError) for let in lets)


def open_fds() -> set[int]:
    return {int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")}


def test_a_socket_that_others_close_ends_no_lookup(stub: Stub, server: FakeServer) -> None:
    """The next attempt has its own socket. Another file that has the old number by then is not touched."""
    before = open_fds()
    lookup = greenrt.spawn(stub.query, "slow60.test", "A")
    greenrt.sleep(0.01)
    (fd,) = open_fds() - before
    green_os.close(fd)
    other = os.open(os.devnull, os.O_RDONLY)
    assert other == fd
    assert lookup.get().records == [address_of("slow60.test")]
    os.close(other)
