"""greenrt.dns.query: every type, search lists, addresses, IDNA, and changes of resolv.conf."""

from collections.abc import Callable
from typing import Any

import pytest
from support.fake_name_server import FakeServer, address_of

import greenrt.dns
from greenrt.dns import CAA, HTTPS, MX, NAPTR, SOA, SRV, TLSA, TXT, URI, query
from greenrt.dns.answer import Malformed, NoData, NxDomain, ServFail, TimedOut
from greenrt.dns.etc.resolvconf import parse, resolv_conf

RECORDS = {
    "CNAME": ["alias.test."],
    "MX": ["10 Mx.Test.", "0 ."],
    "TXT": ['"a b" "c"', r'"\000\255"'],
    "CAA": ['128 issue "ca.test"'],
    "SRV": ["1 2 80 a.test."],
    "SOA": [r"ns.test. a\.b.test. 1 2 3 4 5"],
    "NS": ["ns1.test.", "ns2.test."],
    "NAPTR": ['1 2 "u" "E2U+sip" "!^.*$!sip:x@y!" .'],
    "HTTPS": ['1 . alpn="h2"'],
    "TLSA": ["3 1 0 abcd"],
    "URI": ['1 2 "http://x.test/"'],
    "PTR": ["x.test."],
}

READ = {
    "CNAME": ["alias.test"],
    # If a name ends like the queried one, that end has the spelling of the query.
    "MX": [MX(10, "Mx.test"), MX(0, "")],
    "TXT": [TXT(b"a bc"), TXT(b"\0\xff")],
    "CAA": [CAA(128, "issue", "ca.test")],
    "SRV": [SRV(1, 2, 80, "a.test")],
    "SOA": [SOA("ns.test", r"a\.b.test", 1, 2, 3, 4, 5)],
    "NS": ["ns1.test", "ns2.test"],
    "NAPTR": [NAPTR(1, 2, "u", "E2U+sip", "!^.*$!sip:x@y!", "")],
    "HTTPS": [HTTPS(1, "", ((1, b"\x02h2"),))],
    "TLSA": [TLSA(3, 1, 0, b"\xab\xcd")],
    "URI": [URI(1, 2, "http://x.test/")],
    "PTR": ["x.test"],
}


@pytest.fixture
def configured(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replace /etc/resolv.conf by a text, with the address of the test's server."""

    def configure(text: str = "", at: FakeServer = server) -> None:
        conf = parse(text.encode(), {})
        values = {name: getattr(conf, name) for name in type(conf).__dataclass_fields__}
        changed = type(conf)(**{**values, "servers": (at.server,)})
        monkeypatch.setattr(resolv_conf, "get", lambda: changed)

    configure("options timeout:1 attempts:2")
    return configure


@pytest.mark.parametrize("rtype", RECORDS)
def test_each_type(configured: Callable[..., None], server: FakeServer, rtype: str) -> None:
    server.zone = {"x.test": {rtype: RECORDS[rtype]}}
    answer = query("x.test.", rtype)
    assert answer.records == READ[rtype]
    assert (answer.canonical, answer.ttl) == ("x.test", 300)


def test_addresses(configured: Callable[..., None]) -> None:
    assert query("a.test").records == [address_of("a.test")]
    assert query("a.test", "AAAA").records == [address_of("a.test", "AAAA")]


def test_orders(configured: Callable[..., None], server: FakeServer) -> None:
    assert sorted([MX(10, "a"), MX(5, "b")])[0].exchange == "b"
    assert sorted([SRV(1, 5, 1, "a"), SRV(0, 0, 1, "b")])[0].target == "b"


def test_servers_and_timeout_of_one_call(configured: Callable[..., None], server: FakeServer) -> None:
    with FakeServer() as other:
        assert query("a.test", servers=[other.server]).records == [address_of("a.test")]
        assert len(other.packets) == 1
        assert server.packets == []
    with pytest.raises(TimedOut):
        query("drop.test", timeout=0.02)
    with pytest.raises(TimedOut):
        query("drop.test", timeout=0)
    with pytest.raises(ValueError, match="bogus"):
        query("a.test", servers=["bogus"])
    with pytest.raises(ServFail):
        query("a.test", servers=["127.0.0.1:1"])


def test_a_pointer_of_an_address(configured: Callable[..., None], server: FakeServer) -> None:
    server.zone = {
        "1.2.0.192.in-addr.arpa": {"PTR": ["h.test."]},
        "1" + ".0" * 31 + ".ip6.arpa": {"PTR": ["six.test."]},
    }
    assert query("192.0.2.1", "PTR").records == ["h.test"]
    assert query("::1", "PTR").records == ["six.test"]


def test_idna(configured: Callable[..., None], server: FakeServer) -> None:
    query("bücher.test")
    assert server.asked("xn--bcher-kva.test")
    with pytest.raises(Malformed):
        query("ü" * 70)


def test_search(configured: Callable[..., None], server: FakeServer) -> None:
    configured("search one.test two.test\noptions ndots:2 timeout:1")
    server.zone = {"h.two.test": {"TXT": ['"found"']}}
    with pytest.raises(NoData):
        query("h", "TXT")
    assert query("h", "TXT", search=True).records == [TXT(b"found")]
    assert [packet.name.lower() for packet in server.packets] == ["h", "h.one.test", "h.two.test"]
    with pytest.raises(NoData):
        query("h.", "TXT", search=True)
    with pytest.raises(NxDomain):
        query("nx.a.b", "TXT", search=True)
    assert [p.name.lower() for p in server.packets[4:]] == ["nx.a.b", "nx.a.b.one.test", "nx.a.b.two.test"]


def test_a_search_list_with_the_root_and_without_top_level_domains(
    configured: Callable[..., None], server: FakeServer
) -> None:
    configured("search one.test .\noptions no-tld-query timeout:1")
    with pytest.raises(NoData):
        query("h", "TXT", search=True)
    configured("search one.test\noptions no-tld-query timeout:1")
    with pytest.raises(NoData):
        query("h", "TXT", search=True)
    assert [packet.name.lower() for packet in server.packets] == ["h.one.test", "h", "h.one.test"]


def test_a_new_resolv_conf_is_used_by_the_next_question(
    configured: Callable[..., None], server: FakeServer
) -> None:
    """libevent reads resolv.conf once, when the program starts."""
    query("a.test")
    with FakeServer() as other:
        configured("options timeout:1", other)
        query("b.test")
        assert len(server.packets) == len(other.packets) == 1


@pytest.mark.parametrize("rtype", ["PTR", "NS", "CNAME", "MX", "SRV", "A", "AAAA"])
def test_hostile_names_do_not_come_through(configured: Callable[..., None], rtype: str) -> None:
    try:
        found = query("control.test", rtype)
    except Malformed:
        found = None
    assert found is None or (rtype, found.records) == ("MX", [MX(20, "good.test")])


def test_unknown_type_and_name(configured: Callable[..., None]) -> None:
    with pytest.raises(ValueError, match="CAA"):
        query("a.test", "AXFR")
    with pytest.raises(AttributeError, match="nothing_like_it"):
        greenrt.dns.nothing_like_it  # noqa: B018
    assert set(greenrt.dns.__all__) >= {"query", "MX", "Answer"}


@pytest.mark.parametrize(
    ("error", "names", "arguments"),
    [
        (TypeError, "name", {"name": 5}),
        (TypeError, "name", {"name": b"a.test"}),
        (TypeError, "rtype", {"rtype": 1}),
        (TypeError, "rtype", {"rtype": ["A"]}),
        (ValueError, "type", {"rtype": "ANY"}),
        (TypeError, "timeout", {"timeout": "a"}),
        (ValueError, "timeout", {"timeout": float("nan")}),
        (TypeError, "servers.*use", {"servers": "127.0.0.1"}),
        (TypeError, "servers", {"servers": 5}),
        (TypeError, "servers", {"servers": [5]}),
        (ValueError, "servers", {"servers": []}),
        (ValueError, "name server", {"servers": ["nonsense"]}),
    ],
)
def test_wrong_arguments_are_named(error: type[Exception], names: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(error, match=names):
        query(**{"name": "a.test", "rtype": "A", **arguments})
