"""The files that configure name lookups: valid lines count, and others are skipped as by the C library."""

import random
import socket
import time

import pytest

from greenrt.dns import interfaces
from greenrt.dns.etc import gai_conf, hosts, nsswitch, resolvconf
from greenrt.dns.etc.nsswitch import Status

V4, V6 = socket.AF_INET, socket.AF_INET6


def resolv(text: str, **environ: str) -> resolvconf.ResolvConf:
    return resolvconf.parse(text.encode("latin-1"), environ)


def test_resolv_conf() -> None:
    conf = resolv(
        "# comment\n; other\nnameserver 192.0.2.1\nnameserver\t2001:db8::1\n"
        "search one.test two.test.\noptions ndots:2 timeout:1 rotate use-vc no-aaaa unknown\n"
    )
    assert conf.servers == ("192.0.2.1", "2001:db8::1")
    assert conf.search == ("one.test", "two.test")
    assert (conf.ndots, conf.timeout, conf.attempts) == (2, 1, 2)
    assert (conf.rotate, conf.use_vc, conf.no_aaaa, conf.edns0) == (True, True, True, False)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("", "servers", ("127.0.0.1",)),
        ("nameserver nonsense\n nameserver 192.0.2.1", "servers", ("127.0.0.1",)),
        (
            "nameserver 1\nnameserver 2\nnameserver 3\nnameserver 4",
            "servers",
            ("0.0.0.1", "0.0.0.2", "0.0.0.3"),
        ),
        ("nameserver fe80::1%1", "servers", ("fe80::1%lo",)),
        ("nameserver\0 192.0.2.1", "servers", ("127.0.0.1",)),
        ("search one two\ndomain three", "search", ("three",)),
        ("domain three\nsearch one two", "search", ("one", "two")),
        ("search .", "search", ("",)),
        ("options ndots:99", "ndots", 15),
        ("options timeout:99 timeout:x", "timeout", 0),
        ("options attempts:12", "attempts", 5),
        ("options ndots", "ndots", 1),
    ],
)
def test_a_line_of_resolv_conf(text: str, field: str, value: object) -> None:
    got = getattr(resolv(text), field)
    if "%" in text:
        # The C library prints the scope as the name of the interface or its number.
        assert got in (value, ("fe80::1%1",))
    else:
        assert got == value


def test_variables_come_on_top_of_resolv_conf() -> None:
    conf = resolv(
        "search file.test\noptions ndots:2", LOCALDOMAIN="a.test b.test", RES_OPTIONS="ndots:3 edns0"
    )
    assert conf.search == ("a.test", "b.test")
    assert (conf.ndots, conf.edns0) == (3, True)


HOSTS = hosts.Hosts(
    b"127.0.0.1\tlocalhost # comment\n::1 localhost ip6\n192.0.2.1 Main.test alias1 alias2\r\n"
    b"192.0.2.2 main.test alias3\nnonsense main.test\n2001:db8::1 alias1\n::ffff:192.0.2.9 mapped\n192.0.2.5\n"
)


@pytest.mark.parametrize(
    ("name", "family", "canonical", "aliases", "addresses"),
    [
        ("localhost", 0, "localhost", ["ip6"], ["127.0.0.1", "::1"]),
        ("LOCALHOST", V6, "localhost", ["ip6"], ["::1"]),
        ("localhost", V4, "localhost", ["ip6"], ["127.0.0.1", "127.0.0.1"]),
        (
            "main.test",
            V4,
            "Main.test",
            ["alias1", "alias2", "alias3", "main.test"],
            ["192.0.2.1", "192.0.2.2"],
        ),
        ("alias1", V6, "alias1", [], ["2001:db8::1"]),
        ("mapped", V4, "mapped", [], ["192.0.2.9"]),
        ("mapped", V6, "mapped", [], ["::ffff:192.0.2.9"]),
    ],
)
def test_hosts_by_name(
    name: str, family: int, canonical: str, aliases: list[str], addresses: list[str]
) -> None:
    host = HOSTS.by_name(name, family)
    assert host is not None
    assert (host.canonical, host.aliases) == (canonical, aliases)
    assert [socket.inet_ntop(*pair) for pair in host.addresses] == addresses


@pytest.mark.parametrize("name", ["", "alias", "localhos", "comment", "nonsense", "192.0.2.5", "main.test."])
def test_what_hosts_does_not_name(name: str) -> None:
    assert HOSTS.by_name(name, 0) is None


def test_only_the_first_line_counts_without_multi() -> None:
    host = HOSTS.by_name("localhost", 0, multiple=False)
    assert host is not None
    assert len(host.addresses) == 1
    assert hosts._multi(b"# multi off\nmulti on\n")
    assert not hosts._multi(b"multi on\nmulti off # multi on\n")


def test_hosts_by_address() -> None:
    host = HOSTS.by_address(V4, socket.inet_aton("192.0.2.1"))
    assert host is not None
    assert host.canonical == "Main.test"
    assert HOSTS.by_address(V4, socket.inet_aton("192.0.2.77")) is None


RETURN = frozenset({Status.SUCCESS})


@pytest.mark.parametrize(
    ("line", "sources", "plain"),
    [
        ("hosts: files dns", [("files", RETURN), ("dns", RETURN)], True),
        ("  hosts:dns  files # x", [("dns", RETURN), ("files", RETURN)], True),
        (
            "hosts: files [NOTFOUND=return] dns",
            [("files", RETURN | {Status.NOTFOUND}), ("dns", RETURN)],
            True,
        ),
        (
            "hosts: dns [!UNAVAIL=return] files",
            [("dns", set(Status) - {Status.UNAVAIL}), ("files", RETURN)],
            True,
        ),
        ("hosts: files [SUCCESS=continue] dns", [("files", set()), ("dns", RETURN)], False),
        ("hosts: files [SUCCESS=merge] dns", [("files", set()), ("dns", RETURN)], False),
        ("hosts files [x] [NOTFOUND=] dns ]", [("files", RETURN), ("dns", RETURN)], True),
        ("hosts:", [], True),
        ("hosts: files mdns4 dns", [("files", RETURN), ("mdns4", RETURN), ("dns", RETURN)], False),
    ],
)
def test_nsswitch(line: str, sources: list[tuple[str, set[Status]]], plain: bool) -> None:
    parsed = nsswitch.parse(line.encode())
    assert [(source.name, set(source.returns)) for source in parsed.hosts] == [
        (n, set(r)) for n, r in sources
    ]
    assert parsed.plain == plain


def number(address: str) -> int:
    family = V6 if ":" in address else V4
    return int.from_bytes(socket.inet_pton(family, address), "big")


def test_the_default_tables_of_gai_conf() -> None:
    conf = gai_conf.parse(b"")
    assert conf.label(number("::1")) == 0
    assert conf.label(number("2001:db8::1")) == 1
    assert conf.precedence(number("::ffff:192.0.2.1")) == 10
    assert conf.scope4(number("127.0.0.9")) == 2
    assert conf.scope4(number("192.0.2.1")) == 14


def test_a_line_of_gai_conf_replaces_the_whole_table() -> None:
    conf = gai_conf.parse(
        b"precedence ::ffff:0:0/96 100\nlabel bad 1\nscopev4 ::ffff:10.0.0.0/104 5 # mapped\nscopev4 x y\n"
    )
    assert conf.precedence(number("::ffff:192.0.2.1")) == 100
    assert conf.precedence(number("::1")) == 40
    assert conf.label(number("::1")) == 0
    assert (conf.scope4(number("10.9.9.9")), conf.scope4(number("127.0.0.1"))) == (5, 14)


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_error(seed: int) -> None:
    noise = random.Random(seed)
    words = [
        b"hosts:",
        b"nameserver",
        b"options",
        b"label",
        b"[",
        b"]",
        b"=",
        b"\n",
        b" ",
        b"127.0.0.1",
        b"/",
        b"\0",
    ]
    data = b"".join(noise.choice([*words, noise.randbytes(3)]) for _ in range(3000))
    resolvconf.parse(data, {})
    nsswitch.parse(data)
    gai_conf.parse(data)
    table = hosts.Hosts(data)
    table.by_name("127.0.0.1", 0)
    table.by_address(V4, b"\x7f\0\0\1")


@pytest.mark.parametrize(
    "data",
    [
        *(
            unit * (200_000 // len(unit))
            for unit in (b" ", b"[", b"]", b"[]", b"[a", b"a", b"a ", b"a=", b"!a=b ", b"\0")
        ),
        *(
            b"hosts: x [" + unit * 100_000 + end
            for unit in (b" ", b"a", b"a =", b"!")
            for end in (b"", b"] y")
        ),
        b"nameserver x\n" * 15_000,
        b"nameserver 192.0.2.1\n" * 10_000,
        b"options ndots:" + b"9" * 200_000,
        b"search" + b" a.test" * 110_000,
        b"label ::/0 1\n" * 15_000,
        b"127.0.0.1 " + b"localhost " * 20_000,
        b"127.0.0.1 localhost\n" * 10_000,
        b":" * 200_000,
        b"::1 a\n" * 32_000,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_long_files_are_read_soon(data: bytes) -> None:
    """The time for a long file is not proportional to the square of its length."""
    started = time.monotonic()
    resolvconf.parse(data, {})
    for prefix in (b"", b"hosts:", b"hosts: x"):
        nsswitch.parse(prefix + data)
    gai_conf.parse(data)
    table = hosts.Hosts(data)
    table.by_name("localhost", 0)
    table.by_address(V4, b"\x7f\0\0\1")
    table.by_address(V6, bytes(16))
    assert time.monotonic() - started < 30


def test_hosts_by_every_way_to_write_an_address() -> None:
    table = hosts.Hosts(
        b"#192.0.2.1 comment\n 192.0.2.10 ten\n192.0.2.1#x\n192.0.2.01 zero\n192x0.2.1 x\n"
        b"::ffff:c000:201 mapped\n\t192.0.2.1\tone uno\n0::1 loop\n::0:1 other"
    )
    assert [
        host and host.canonical
        for host in (
            table.by_address(V4, b"\xc0\0\2\1"),
            table.by_address(V4, b"\xc0\0\2\x0a"),
            table.by_address(V4, b"\x7f\0\0\1"),
            table.by_address(V6, bytes(15) + b"\1"),
            table.by_address(V4, b"\xc0\0\2\3"),
            table.by_address(V6, bytes(16)),
        )
    ] == ["", "ten", "loop", "loop", None, None]


@pytest.mark.parametrize(("counts", "name"), [(True, "four"), (False, "mapped")])
def test_hosts_by_an_ipv4_mapped_address(counts: bool, name: str) -> None:
    table = hosts.Hosts(b"::1 loop\n192.0.2.1 four\n::ffff:192.0.2.1 mapped\n127.0.0.1 local")
    mapped = b"\0" * 10 + b"\xff\xff"
    found = table.by_address(V6, mapped + b"\xc0\0\2\1", counts)
    assert found is not None
    assert found.canonical == name
    assert found.addresses == [(V6, mapped + b"\xc0\0\2\1")]
    # The line of ::1 also counts for 127.0.0.1, but not for ::ffff:127.0.0.1.
    local = table.by_address(V6, mapped + b"\x7f\0\0\1", counts)
    assert (local.canonical if local else None) == ("local" if counts else None)
    assert table.by_address(V6, bytes(12) + b"\xc0\0\2\1", counts) is None


def test_a_new_address_is_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [{b"one": interfaces.NOWHERE}]
    place = interfaces.Interface(24, 2, False, False)
    monkeypatch.setattr(interfaces, "addresses", lambda: told[0])
    monkeypatch.setattr(interfaces, "_latest", (float("inf"), {}))
    assert interfaces.place_of(b"two") is interfaces.NOWHERE
    told[0] = {b"two": place}
    assert interfaces.place_of(b"two") is place
    told[0] = {}
    # The time of the change must be long enough ago.
    monkeypatch.setattr(interfaces, "_latest", (-1e9, {b"two": place}))
    assert interfaces.place_of(b"two") is interfaces.NOWHERE


def test_the_loopback_interface_is_known() -> None:
    assert interfaces.place_of(b"\x7f\0\0\1").prefix == 8
    assert interfaces.is_native(interfaces.place_of(b"\x7f\0\0\1").index)
    assert interfaces.is_native(0xFFFFFFFF)
