"""Lookups that need no name server send no query, and files are read once. See tests/hub/test_fast_paths.py."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fake_name_server import FakeServer

from greenrt import _original
from greenrt.dns import address_order, numeric
from greenrt.dns.etc import hosts, nsswitch
from greenrt.dns.etc.config_file import Reloaded
from greenrt.dns.resolvers import AresResolver
from greenrt.green import socket as green_socket


def slow(*args: object, **kwargs: object) -> object:
    raise AssertionError("the slow path")


@pytest.fixture
def resolver(server: FakeServer) -> Iterator[AresResolver]:
    made = AresResolver(servers=[server.server])
    yield made
    made.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.1", None])
def test_addresses_reach_no_source(
    resolver: AresResolver, server: FakeServer, host: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts.hosts, "get", slow)
    assert resolver.getaddrinfo(host, 80)
    assert not server.packets


def test_addresses_in_their_usual_form_are_recognized_without_the_c_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(numeric, "getaddrinfo", slow)
    assert numeric.is_plain("127.0.0.1")
    assert numeric.is_plain("::1")
    assert numeric.is_numeric("127.0.0.1")
    assert numeric.is_numeric("::1")
    assert not numeric.is_plain("example.test")


@pytest.mark.parametrize("lookup", ["getaddrinfo", "gethostbyname"])
def test_a_name_is_tested_once_for_being_an_address(
    lookup: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name starts with a digit, so that only the C library can tell that it is not an address."""
    (tmp_path / "hosts").write_text("192.0.2.7 7.known.test\n")
    monkeypatch.setattr(hosts.hosts, "path", str(tmp_path / "hosts"))
    (tmp_path / "nsswitch.conf").write_text("hosts: files dns\n")
    monkeypatch.setattr(nsswitch.nsswitch, "path", str(tmp_path / "nsswitch.conf"))
    tested: list[object] = []

    def counted(host: object, *args: object) -> object:
        tested.append(host)
        return _original.getaddrinfo(host, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(numeric, "getaddrinfo", counted)
    if lookup == "getaddrinfo":
        found = green_socket.getaddrinfo("7.known.test", 80, type=socket.SOCK_STREAM)
        assert found == [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 80))]
    else:
        assert green_socket.gethostbyname("7.known.test") == "192.0.2.7"
    assert tested == ["7.known.test"]


def test_a_marked_name_that_is_an_address_once_encoded_is_tested_again() -> None:
    """The socket module encodes a name by IDNA, which turns full-width digits into ASCII ones."""
    assert numeric.numeric_addrinfo("\uff11.2.3.4", 80, 0, 0, 0, 0) is None
    assert green_socket.getaddrinfo("\uff11.2.3.4", 80)[0][4] == ("1.2.3.4", 80)
    assert type(green_socket.getaddrinfo("localhost", 80, flags=socket.AI_CANONNAME)[0][3]) is str


def test_hosts_of_the_file_reach_no_name_server(
    resolver: AresResolver, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hosts").write_text("192.0.2.7 known.test\n")
    monkeypatch.setattr(hosts.hosts, "path", str(tmp_path / "hosts"))
    assert resolver.gethostbyname("known.test") == "192.0.2.7"
    assert not server.packets


def test_a_single_address_is_not_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_order, "_ranked", slow)
    one = [(socket.AF_INET, b"\x7f\0\0\1")]
    assert address_order.sort_addresses(one) is one
    with pytest.raises(AssertionError, match="the slow path"):
        address_order.sort_addresses(one * 2)


def test_a_file_that_stays_the_same_is_neither_opened_nor_parsed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    reloaded = Reloaded(str(path), bytes.decode)
    assert reloaded.get() == "text"
    monkeypatch.setattr(os, "open", slow)
    monkeypatch.setattr(_original, "read", slow)
    reloaded.parse = slow
    assert reloaded.get() == "text"


def test_a_cached_answer_reaches_no_name_server(server: FakeServer) -> None:
    cached = AresResolver(servers=[server.server], cache=True)
    try:
        for _ in range(3):
            cached.gethostbyname("a.test")
        assert len(server.asked("a.test", "A")) == 1
    finally:
        cached.close()
