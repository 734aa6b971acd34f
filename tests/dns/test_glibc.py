"""Cases that the C library cannot show: hosts and files made for the test."""

import _socket
import socket
from pathlib import Path
from typing import Any

import pytest

from greenrt.dns.etc import hosts, nsswitch
from greenrt.dns.etc.hosts import Host
from greenrt.dns.glibc import GlibcResolver
from greenrt.dns.resolvers import RESOLVERS, new_resolver
from greenrt.dns.search import Failure
from greenrt.dns.sources import Files
from greenrt.green import _socket_names
from greenrt.green import socket as green

PACKED = socket.inet_aton("192.0.2.1")


class Known:
    """A source with one host."""

    def __init__(self, answer: Host | Failure) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def by_name(self, name: str, family: int) -> Host | Failure:
        self.asked.append(name)
        return self.answer

    def by_address(self, family: int, packed: bytes) -> Host | Failure:
        self.asked.append(socket.inet_ntop(family, packed))
        return self.answer


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with files that replace those of /etc."""
    for file, name in ((hosts.hosts, "hosts"), (nsswitch.nsswitch, "nsswitch.conf")):
        monkeypatch.setattr(file, "path", str(tmp_path / name))
    return tmp_path


HOST = Host("name.test", ["alias.test"], [(socket.AF_INET, PACKED)])


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("hosts: files dns", ["name"]),
        ("hosts: files", []),
        ("hosts: files [NOTFOUND=return] dns", []),
        ("hosts: files [UNAVAIL=return] dns", ["name"]),
        ("hosts: nonsense [UNAVAIL=return] dns", []),
        ("hosts: nonsense dns", ["name"]),
        ("hosts:", []),
    ],
)
def test_the_order_of_sources(etc: Path, line: str, asked: list[str]) -> None:
    (etc / "nsswitch.conf").write_text(line)
    dns = Known(HOST)
    resolver = GlibcResolver({"files": Files(), "dns": dns})
    if asked:
        assert resolver.gethostbyname_ex("name") == ("name.test", ["alias.test"], ["192.0.2.1"])
    else:
        with pytest.raises(socket.gaierror) as raised:
            resolver.gethostbyname_ex("name")
        assert raised.value.errno == socket.EAI_NONAME
    assert dns.asked == asked


def test_edits_are_seen_by_the_next_lookup(etc: Path) -> None:
    resolver = GlibcResolver({"files": Files(), "dns": Known(Failure())})
    (etc / "hosts").write_text("192.0.2.7 edited.test\n")
    assert resolver.gethostbyname("edited.test") == "192.0.2.7"
    (etc / "hosts").write_text("192.0.2.8 edited.test\n")
    assert resolver.gethostbyname("edited.test") == "192.0.2.8"
    (etc / "hosts").unlink()
    with pytest.raises(socket.gaierror):
        resolver.gethostbyname("edited.test")


@pytest.mark.parametrize(
    ("failure", "code"),
    [(Failure(1), socket.EAI_NONAME), (Failure(2), socket.EAI_AGAIN), (Failure(4), socket.EAI_NODATA)],
)
def test_failures(etc: Path, failure: Failure, code: int) -> None:
    resolver = GlibcResolver({"dns": Known(failure)})
    with pytest.raises(socket.gaierror) as raised:
        resolver.getaddrinfo("name", 80)
    with pytest.raises(socket.gaierror) as native:
        # The text is that of the standard library.
        raise socket.gaierror(code, raised.value.strerror)
    assert raised.value.args == native.value.args
    with pytest.raises(socket.herror) as by_address:
        resolver.gethostbyaddr("192.0.2.1")
    assert by_address.value.errno == failure.herrno


@pytest.mark.parametrize("function", ["getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"])
@pytest.mark.parametrize("host", ["a\0b.test", b"a\0b.test", "127.0.0.1\0.test"])
def test_a_null_byte_is_refused(function: str, host: str | bytes) -> None:
    dns = Known(HOST)
    arguments = (80,) if function == "getaddrinfo" else ()
    with pytest.raises(ValueError, match="null byte"):
        getattr(GlibcResolver({"dns": dns}), function)(host, *arguments)
    assert dns.asked == []


def outcome(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except (OSError, ValueError) as error:
        return type(error), error.args


@pytest.mark.parametrize("function", ["getaddrinfo", "gethostbyname", "gethostbyname_ex"])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.01", "127.1", "::1", b"127.0.0.1", b"127.1", b"::1"])
def test_addresses_are_read_as_by_the_c_library(function: str, host: str | bytes) -> None:
    arguments = (host, 80) if function == "getaddrinfo" else (host,)
    assert outcome(getattr(green, function), *arguments) == outcome(getattr(socket, function), *arguments)


def test_addresses_need_no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_socket_names, "_resolver", None)
    assert green.gethostbyname("127.0.0.1") == "127.0.0.1"
    assert green.gethostbyname_ex("127.0.0.1") == ("127.0.0.1", [], ["127.0.0.1"])
    for host in ("127.0.0.1", b"127.0.0.1", "::1", b"::1", None):
        assert green.getaddrinfo(host, 80)


@pytest.mark.parametrize("function", ["getaddrinfo", "gethostbyname", "gethostbyname_ex"])
@pytest.mark.parametrize("host", ["127.0.0.1\0", b"127.0.0.1\0"])
@pytest.mark.parametrize("sources", ["files dns", "files mdns4_minimal dns"])
def test_an_address_with_a_null_byte_is_refused(
    function: str, host: str | bytes, sources: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The C library, which does the lookup with sources that only it knows, would cut the host there."""
    (tmp_path / "nsswitch.conf").write_text(f"hosts: {sources}\n")
    monkeypatch.setattr(nsswitch.nsswitch, "path", str(tmp_path / "nsswitch.conf"))
    with pytest.raises((TypeError, ValueError), match="null"):
        getattr(green, function)(host, *((80,) if function == "getaddrinfo" else ()))


@pytest.mark.parametrize("host", [5, 1.5, [], object()])
def test_a_host_of_a_wrong_type(host: object) -> None:
    resolver = GlibcResolver({})
    with pytest.raises(TypeError):
        resolver.getaddrinfo(host, 80)
    with pytest.raises(TypeError):
        resolver.gethostbyname(host)


@pytest.mark.parametrize(
    "arguments",
    [
        ("name", 80, "inet"),
        ("name", 80, None),
        ("name", 80, 0, 1.5),
        ("name", 80, 0, 0, "tcp"),
        ("name", 80, 0, 0, 0, "passive"),
        ("name", 80, 1 << 40),
        ("name", 80, 0, 1 << 40),
        ("name", 80, 0, 0, 1 << 40),
        ("name", 80, 0, 0, 0, 1 << 40),
        ("name", 80, 99),
        ("name", 80, -1),
        ("name", 80, 0, -1),
        ("name", 80, 0, 0, -1),
        ("name", 80, 0, 0, 0, -1),
        ("name", 1.5),
        ("name", []),
        ("name", 1 << 70),
        ("name", "\ud800"),
        ("name", "http\0"),
        ("name", "x" * 100000),
        ("\ud800.test", 80),
        ("a..test", 80),
        (".", 80),
        ("..", 80),
        ("x" * 64 + ".test", 80),
        ("\xfc" * 70, 80),
        ("a" * 100000, 80),
        (b"a" * 100000, 80),
        (b"\xff.test", 80),
        ("a\nb", 80),
        ("\u3002", 80),
    ],
    ids=lambda arguments: repr(arguments)[:40],
)
def test_malformed_arguments_are_refused_as_by_the_c_library(arguments: tuple[Any, ...]) -> None:
    """They cause no query to a name server. Names that could be queried have invalid hints instead."""
    dns = Known(Failure())
    with pytest.raises((OSError, TypeError, ValueError, OverflowError)) as ours:
        GlibcResolver({"dns": dns}).getaddrinfo(*arguments)
    with pytest.raises((OSError, TypeError, ValueError, OverflowError)) as native:
        _socket.getaddrinfo(*arguments)
    assert type(ours.value) is type(native.value)
    if isinstance(native.value, OSError):
        assert ours.value.args == native.value.args


def test_an_unknown_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENRT_RESOLVER", "carrier-pigeon")
    with pytest.raises(ValueError, match=r"carrier-pigeon.*auto, ares, thread, block"):
        new_resolver()


@pytest.mark.parametrize("name", RESOLVERS)
def test_every_resolver_knows_localhost(name: str) -> None:
    resolver = new_resolver(name=name)
    try:
        assert resolver.gethostbyname("localhost") == "127.0.0.1"
        assert resolver.getaddrinfo("127.0.0.1", "http", type=socket.SOCK_STREAM)[0][4] == ("127.0.0.1", 80)
        assert resolver.getnameinfo(("192.0.2.1", 80), socket.NI_NUMERICHOST) == ("192.0.2.1", "http")
    finally:
        resolver.close()
