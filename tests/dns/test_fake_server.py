"""The fake DNS server implements its verbs. dnspython, which shares no code with greenrt, queries it."""

from collections.abc import Iterator
from typing import Any

import dns.message
import dns.query
import dns.rcode
import pytest
from support.fake_name_server import FORGED, FakeServer, address_of


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(
        zone={"mail.test": {"MX": ["10 mx.test."]}, "alias.test": {"CNAME": ["mail.test."]}}
    ) as it:
        yield it


def ask(
    server: FakeServer, name: str, rtype: str = "A", *, tcp: bool = False, edns: int = 0, **options: Any
) -> dns.message.Message:
    question = dns.message.make_query(name, rtype, use_edns=edns, payload=1232)
    call = dns.query.tcp if tcp else dns.query.udp
    return call(question, server.address, 2, port=server.port, **options)


def addresses(message: dns.message.Message) -> list[str]:
    return [item.to_text() for rrset in message.answer for item in rrset if hasattr(item, "address")]


def test_answers_and_logs(server: FakeServer) -> None:
    reply = ask(server, "AnY.tesT")
    assert addresses(reply) == [address_of("any.test")]
    packet = server.asked("any.test", "A")[-1]
    assert (packet.protocol, packet.name, packet.edns) == ("udp", "AnY.tesT", True)
    assert addresses(ask(server, "any.test", "AAAA", tcp=True)) == [address_of("any.test", "AAAA")]
    assert server.asked("any.test", "AAAA")[-1].protocol == "tcp"


def test_zone(server: FakeServer) -> None:
    assert "10 mx.test." in ask(server, "mail.test", "MX").answer[0].to_text()
    reply = ask(server, "alias.test", "MX")
    assert [rrset.name.to_text() for rrset in reply.answer] == ["alias.test.", "mail.test."]
    assert ask(server, "mail.test", "A").answer == []


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        ("nx", "NXDOMAIN"),
        ("nxsoa", "NXDOMAIN"),
        ("servfail", "SERVFAIL"),
        ("refused", "REFUSED"),
        ("nodata", "NOERROR"),
    ],
)
def test_codes(server: FakeServer, verb: str, code: str) -> None:
    reply = ask(server, f"{verb}.test")
    assert dns.rcode.to_text(reply.rcode()) == code
    assert reply.answer == []


def test_truncation(server: FakeServer) -> None:
    assert ask(server, "tc.test").flags & dns.flags.TC
    assert addresses(ask(server, "tc.test", tcp=True)) == [address_of("tc.test")]
    assert ask(server, "many.test", edns=False).flags & dns.flags.TC
    assert len(addresses(ask(server, "many.test"))) == 40
    assert len(addresses(ask(server, "oversize.test", edns=False))) == 200


def test_chains(server: FakeServer) -> None:
    assert len(ask(server, "cname.test").answer) == 4
    assert addresses(ask(server, "cnameloop.test")) == []


def test_silence(server: FakeServer) -> None:
    with pytest.raises(dns.exception.Timeout):
        dns.query.udp(dns.message.make_query("drop.test", "A"), server.address, 0.1, port=server.port)
    with pytest.raises(dns.exception.Timeout):
        dns.query.udp(dns.message.make_query("drop1.x.test", "A"), server.address, 0.1, port=server.port)
    assert addresses(ask(server, "drop1.x.test")) == [address_of("drop1.x.test")]


@pytest.mark.parametrize("verb", ["badid", "badq", "badport", "garbage", "short"])
def test_forgeries_are_followed_by_the_truth(server: FakeServer, verb: str) -> None:
    options = {"ignore_errors": True, "ignore_unexpected": True}
    assert addresses(ask(server, f"{verb}.test", **options)) == [address_of(f"{verb}.test")]


def test_a_forgery_is_an_answer_but_for_one_thing(server: FakeServer) -> None:
    assert addresses(ask(server, "badcase.test")) == [FORGED]
    assert addresses(ask(server, "wrongowner.test")) == [FORGED]
