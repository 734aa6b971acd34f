"""The calls that greenrt's resolver and the C library get, and the files for them: see glibc_oracle."""

import itertools
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["DELIBERATE", "HOSTS", "NSSWITCH", "RESOLV", "SCENARIOS", "Case", "Scenario"]

HOSTS = """\
127.0.0.1 localhost
::1 localhost ip6-localhost
192.0.2.1 Four.test four fourth # comment
192.0.2.2 four.test other
2001:db8::6 six.test six
192.0.2.3 both.test both
2001:db8::3 both.test both
127.0.0.2 order.test
192.0.2.9 order.test
10.1.2.3 order.test
169.254.1.1 order.test
fe80::1 order.test
2001:db8::9 order.test
::ffff:192.0.2.66 mapped.test
192.0.2.66 unmapped.test
192.0.2.67 first.test
::ffff:192.0.2.67 second.test
nonsense broken.test
192.0.2.300 broken.test
192.0.2.5
fe80::5 linklocal.test
"""
RESOLV = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
NSSWITCH = "hosts: files dns\nservices: files\n"

PASSIVE, CANONNAME, NUMERICHOST = socket.AI_PASSIVE, socket.AI_CANONNAME, socket.AI_NUMERICHOST
V4MAPPED, ALL, ADDRCONFIG = socket.AI_V4MAPPED, socket.AI_ALL, socket.AI_ADDRCONFIG
NUMERICSERV = socket.AI_NUMERICSERV
FAMILIES = (socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6)

Case = tuple[Any, ...]


@dataclass(frozen=True)
class Scenario:
    """The calls (function and arguments), unusual files of /etc, and addresses besides the loopback address."""

    cases: list[Case]
    files: dict[str, str | bytes] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()


STALE = "the C library sets no h_errno for files, so the standard library reports that of an earlier call"
HOSTILE = "an invalid answer is no answer, and the letter case of a forged answer betrays it"
# Host: why greenrt differs deliberately.
DELIBERATE: dict[Any, str] = {
    "::": STALE,
    "localhost by address": STALE,
    "a\0b.test": "the C library cuts a name at a null byte, and asks for another one",
    **dict.fromkeys(("badcase.test", "longchain.test", "control.test"), HOSTILE),
    **dict.fromkeys(("loop.test", "short.test", "cnameloop.test"), HOSTILE),
    **dict.fromkeys(
        ("halftcp.test", "rst.test"), "for one family only, the C library calls a broken stream no name"
    ),
}


def infos(
    hosts: list[Any], flags: tuple[int, ...] = (0,), families: tuple[int, ...] = FAMILIES
) -> list[Case]:
    return [
        ("getaddrinfo", host, None, family, 0, 0, flag)
        for host, family, flag in itertools.product(hosts, families, flags)
    ]


def others(hosts: list[str]) -> list[Case]:
    return [(name, host) for host in hosts for name in ("gethostbyname", "gethostbyname_ex", "gethostbyaddr")]


NUMERIC: list[Any] = [
    *(
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "1.2.3.4.5",
        "1.2.3.256",
        "256",
        "08.1",
        "1.2.3.",
    ),
    *(
        "::1",
        "::",
        "fe80::1%lo",
        "fe80::1%1",
        "fe80::1%nope",
        "::1%lo",
        "::1%1",
        "::ffff:192.0.2.1",
        "1::2::3",
    ),
    *(
        "",
        "*",
        None,
        "127.0.0.1 ",
        " 127.0.0.1",
        "0x",
        "4294967296",
        b"127.0.0.1",
        "%lo",
        ":",
        "::%",
        "12345",
    ),
]
SERVICES: list[Any] = [
    *(None, 0, 80, "80", "http", "domain", "nosuchservice", "-1", -1, 99999, " 80", "0x50", "", b"https"),
]
NAMED = [
    "localhost",
    "LOCALHOST",
    "four.test",
    "FOUR",
    "fourth",
    "six.test",
    "both",
    "order.test",
    "mapped.test",
]
MISSING = ["broken.test", "192.0.2.5x", "four.test.", "nope", "-a.test", "a b.test", "*.test", "a..b"]
HINTS: list[Case] = [
    ("getaddrinfo", host, port, family, kind, proto, flags)
    for host, port in (
        ("four.test", "http"),
        ("127.0.0.1", "http"),
        ("nope", 80),
        ("four.test", "nosuchservice"),
    )
    for family, kind, proto, flags in (
        (99, 0, 0, 0),
        (0, 77, 0, 0),
        (0, 0, 77, 0),
        (0, socket.SOCK_STREAM, socket.IPPROTO_UDP, 0),
        (0, socket.SOCK_DGRAM, socket.IPPROTO_UDP, 0),
        (0, socket.SOCK_RAW, 0, 0),
        (0, 0, socket.IPPROTO_SCTP, 0),
        (0, socket.SOCK_SEQPACKET, 0, 0),
        (0, 0, 0, 0x10000),
        (0, 0, 0, NUMERICSERV),
        (0, 0, 0, NUMERICHOST),
    )
]
ADDRESSES = [
    "127.0.0.1",
    "::1",
    "192.0.2.1",
    "192.0.2.2",
    "2001:db8::6",
    "192.0.2.77",
    "2001:db8::77",
    "::",
    "0.0.0.0",
    *("::ffff:192.0.2.1", "::ffff:192.0.2.66", "::ffff:192.0.2.67", "::ffff:192.0.2.77", "::192.0.2.1"),
    *("::ffff:127.0.0.1", "::ffff:0.0.0.0", "192.0.2.66"),
]
BY_ADDRESS: list[Case] = [
    *(("gethostbyaddr", address) for address in [*ADDRESSES, "four.test", "six", "nope"]),
    *(
        ("getnameinfo", (address, 80), flags)
        for address in [*ADDRESSES, "fe80::5", "nope"]
        for flags in (0, socket.NI_NAMEREQD, socket.NI_NUMERICHOST, socket.NI_NUMERICSERV, socket.NI_DGRAM)
    ),
]
# Unusual files, and names to look up.
FEW = infos(["localhost", "four.test", "both", "nope"])
NOISE = bytes(range(256)) * 40 + b"\nhosts\nhosts:\nnameserver\n\0\xff"


def dns_cases() -> Iterator[Case]:
    names = [
        "www.test",
        "www",
        "v4only.test",
        "v6only.test",
        "nx.test",
        "nodata.test",
        "servfail.test",
        "refused.test",
    ]
    names += [
        "cname.test",
        "formerr.test",
        "tc.test",
        "many.test",
        "v6fail.test",
        "_under.test",
        "7.test",
        "www.test.",
    ]
    names += ["\xe9t\xe9.test", "fa\xdf.test", "a.b.c.test", "dangling.test", "wrongowner.test", "UPPER.Test"]
    yield from infos(names)
    yield from infos(names[:9], (CANONNAME, V4MAPPED, V4MAPPED | ALL, CANONNAME | V4MAPPED))
    yield from others(names[:12])
    yield from infos(["x" * 64 + ".test", ".".join(["x" * 60] * 5), "-a.test", "a b.test", "*.test", "a..b"])
    yield from BY_ADDRESS


FILES_ONLY = {"nsswitch.conf": "hosts: files\nservices: files\n"}
SCENARIOS: dict[str, Scenario] = {
    "numeric": Scenario(
        [
            *infos(NUMERIC, (0, NUMERICHOST, PASSIVE, CANONNAME, V4MAPPED)),
            *(
                ("getaddrinfo", host, port)
                for host in ("127.0.0.1", "::1", None, "four.test")
                for port in SERVICES
            ),
            *others([host for host in NUMERIC if isinstance(host, str)]),
        ],
        FILES_ONLY,
    ),
    "files": Scenario(
        [
            *infos([*NAMED, *MISSING], (0, CANONNAME, V4MAPPED, V4MAPPED | ALL, ADDRCONFIG, NUMERICHOST)),
            *others([*NAMED, *MISSING]),
            *HINTS,
            *BY_ADDRESS,
        ],
        FILES_ONLY,
    ),
    "first line only": Scenario([*infos(NAMED), *others(NAMED)], {**FILES_ONLY, "host.conf": "multi off\n"}),
    "no host.conf": Scenario([*infos(NAMED), *others(NAMED)], {**FILES_ONLY, "host.conf": ""}),
    "no nsswitch.conf": Scenario([*FEW, *infos(["www.test"])], {"nsswitch.conf": ""}),
    "dns first": Scenario(
        [*infos(["four.test", "localhost", "nx.four", "servfail.test"]), *others(["localhost"])],
        {"nsswitch.conf": "hosts: dns files\n"},
    ),
    "actions": Scenario(
        infos(["four.test", "localhost", "www.test", "nx.four", "servfail.test"]),
        {
            "nsswitch.conf": "hosts: dns [!UNAVAIL=return] files\n",
            "hosts": HOSTS + "192.0.2.4 servfail.test nx.four\n",
        },
    ),
    "noise in hosts": Scenario(FEW, {**FILES_ONLY, "hosts": NOISE + HOSTS.encode()}),
    # A line without sources, and some malformed lines, crash the C library.
    "noise in nsswitch.conf": Scenario(FEW, {"nsswitch.conf": NOISE.replace(b"hosts:", b"hosts : files")}),
    "no colon in nsswitch.conf": Scenario(FEW, {"nsswitch.conf": "hosts files\n"}),
    "noise in resolv.conf": Scenario([*FEW, *infos(["www.test"])], {"resolv.conf": NOISE + RESOLV.encode()}),
    "noise in gai.conf": Scenario(infos(["order.test"]), {**FILES_ONLY, "gai.conf": NOISE}),
    "precedence": Scenario(
        infos(["order.test", "both.test"]),
        {
            **FILES_ONLY,
            "gai.conf": "precedence ::ffff:0:0/96 100\nscopev4 ::ffff:10.0.0.0/104 2\nlabel 2001:db8::/32 4\n",
        },
    ),
    "one family": Scenario(
        infos(["both.test", "four.test", "six.test", "order.test", "::1", "127.0.0.1"], (0, ADDRCONFIG)),
        FILES_ONLY,
        addresses=("192.0.2.200/24",),
    ),
    "two families": Scenario(
        infos(["both.test", "four.test", "six.test", "order.test"], (0, ADDRCONFIG)),
        FILES_ONLY,
        addresses=("192.0.2.200/24", "2001:db8::200/64"),
    ),
    "dns": Scenario(list(dns_cases())),
    "hostile": Scenario(
        infos(
            [
                "garbage.test",
                "echo.test",
                "loop.test",
                "badid.test",
                "badq.test",
                "badcase.test",
                "dup.test",
                "reorder.test",
            ]
        )
        + infos(
            ["cnameloop.test", "longchain.test", "control.test", "oversize.test", "ttl0.test", "halftcp.test"]
        )
        + infos(["drop1.test", "badport.test", "short.test", "rst.test", "slow.test"], families=(0,)),
        {"resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:2\n"},
    ),
    "search": Scenario(
        infos(
            ["www", "nx", "nodata", "servfail", "a.b", "nx.b", "servfail.b", "www.", "a.b.c.d", "nodata.b"]
        ),
        {"resolv.conf": RESOLV + "search one.test two.test\noptions ndots:2\n"},
    ),
    "search of nothing": Scenario(
        infos(["www", "nx", "a.b"]), {"resolv.conf": RESOLV + "search .\noptions no-tld-query\n"}
    ),
    "no-aaaa": Scenario(infos(["www.test", "nx.test"]), {"resolv.conf": RESOLV + "options no-aaaa\n"}),
    "silence": Scenario(
        [*infos(["drop.test", "v6drop.test"], families=(0,)), *infos(["drop"], families=(socket.AF_INET,))],
        {"resolv.conf": RESOLV + "search one.test\n"},
    ),
    "no server": Scenario(
        [*infos(["www.test"]), ("gethostbyaddr", "192.0.2.77"), ("getnameinfo", ("192.0.2.77", 80), 0)],
        {"resolv.conf": "nameserver 127.0.0.9\noptions timeout:1 attempts:1\n"},
    ),
}
