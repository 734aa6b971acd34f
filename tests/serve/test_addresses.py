"""The addresses that servers and `greenrt serve --bind` accept."""

from typing import Any

import pytest

from greenrt.cli.serve import _completed
from greenrt.green import socket
from greenrt.serve.listeners import parse_address

IPV4, IPV6, UNIX = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX

GOOD: list[tuple[Any, Any]] = [
    ("127.0.0.1:80", (IPV4, ("127.0.0.1", 80))),
    ("localhost:80", (IPV4, ("localhost", 80))),
    (":80", (IPV4, ("0.0.0.0", 80))),
    ("*:80", (IPV4, ("0.0.0.0", 80))),
    ("80", (IPV4, ("0.0.0.0", 80))),
    (80, (IPV4, ("0.0.0.0", 80))),
    ("[::1]:80", (IPV6, ("::1", 80))),
    ("[::]:0", (IPV6, ("::", 0))),
    ("[fe80::1%lo]:80", (IPV6, ("fe80::1%lo", 80))),
    (("::1", 80), (IPV6, ("::1", 80))),
    (("fe80::1", 80, 0, 1), (IPV6, ("fe80::1", 80, 0, 1))),
    (("", "80"), (IPV4, ("0.0.0.0", 80))),
    ((None, 80), (IPV4, ("0.0.0.0", 80))),
    ("unix:s", (UNIX, "s")),
    ("unix:\0name", (UNIX, "\0name")),
]


@pytest.mark.parametrize(("given", "parsed"), GOOD, ids=repr)
def test_addresses(given: Any, parsed: Any) -> None:
    assert parse_address(given) == parsed


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("host:", "port must be"),
        ("host:http", "port must be"),
        ("host:65536", "port must be"),
        ("host:-1", "port must be"),
        ("host:0x50", "port must be"),
        ("host:\uff18\uff10", "port must be"),
        ("host: 80", "port must be"),
        ("", "port must be"),
        (-1, "port must be"),
        (True, "port must be"),
        (("host", 1.5), "port must be"),
        ("::1", "needs brackets"),
        ("::1:80", "needs brackets"),
        ("fe80::1%lo:80", "needs brackets"),
        ("[::1]", "port must follow"),
        ("[::1", "brackets"),
        ("[::1]80", "port must follow"),
        ("[::1%]:80", "brackets must have"),
        ("host:" + "9" * 5000, "port must be"),
        (("127.0.0.1", 80, 0), "too many items"),
        (("::1", 80, 0, 0, 0), "too many items"),
        ("[host]:80", "brackets must have an IPv6"),
        ("a:b:80", "has a colon"),
        ("http://host:80", "has a colon"),
        ("host/path:80", "is no host"),
        ("my host:80", "is no host"),
        ("unix:", "path is empty"),
        ((5, 80), "host must be a str"),
        (b"host:80", "no address"),
        (None, "no address"),
    ],
    ids=repr,
)
def test_what_is_no_address(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        parse_address(given)
    assert str(raised.value).startswith(f"{given!r} is no address to listen on")


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("8099", (IPV4, ("127.0.0.1", 8099))),
        (":8099", (IPV4, ("0.0.0.0", 8099))),
        ("10.0.0.1", (IPV4, ("10.0.0.1", 8000))),
        ("::1", (IPV6, ("::1", 8000))),
        ("fe80::1%lo", (IPV6, ("fe80::1%lo", 8000))),
        ("::", (IPV6, ("::", 8000))),
        ("[::1]", (IPV6, ("::1", 8000))),
        ("[::1]:80", (IPV6, ("::1", 80))),
        ("host:80", (IPV4, ("host", 80))),
        ("unix:s", (UNIX, "s")),
    ],
)
def test_what_the_command_adds(given: str, address: Any) -> None:
    assert parse_address(_completed(given)) == address
