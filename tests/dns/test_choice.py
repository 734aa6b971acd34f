"""The choice of a resolver, the lookups that the C library does for greenrt's own, and queries one by one."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.child import run_script

import greenrt
from greenrt.dns.answer import Answer
from greenrt.dns.choice import RESOLVER_NAMES
from greenrt.dns.etc import nsswitch, resolvconf
from greenrt.dns.resolvers import RESOLVERS, AresResolver, AutoResolver, ThreadResolver, new_resolver
from greenrt.dns.sources import Dns
from greenrt.green import socket as green

LEFT = "the C library does this lookup, in a thread"
AI_IDN, NI_NOFQDN = 0x40, 4


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with files that replace those of /etc."""
    monkeypatch.setattr(nsswitch.nsswitch, "path", str(tmp_path / "nsswitch.conf"))
    monkeypatch.setattr(resolvconf.resolv_conf, "path", str(tmp_path / "resolv.conf"))
    return tmp_path


def was_left(resolver: type[AresResolver], function: str, *arguments: Any) -> bool:
    """Return whether the C library did the lookup."""
    said: list[str] = []
    made = resolver(trace=said.append)
    try:
        getattr(made, function)(*arguments)
    finally:
        made.close()
    return LEFT in said


@pytest.mark.parametrize("name", RESOLVERS)
def test_the_environment_chooses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENRT_RESOLVER", name)
    resolver = new_resolver()
    try:
        assert type(resolver) is RESOLVERS[name]
    finally:
        resolver.close()


@pytest.mark.parametrize("name", [None, ""])
def test_the_default_is_auto(name: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GREENRT_RESOLVER", raising=False)
    if name is not None:
        monkeypatch.setenv("GREENRT_RESOLVER", name)
    resolver = new_resolver()
    try:
        assert type(resolver) is AutoResolver
    finally:
        resolver.close()


def test_an_unknown_name_in_the_environment_is_refused_by_patching_and_by_the_first_hub() -> None:
    assert tuple(RESOLVERS) == RESOLVER_NAMES
    out, _ = run_script("""
        import os
        os.environ["GREENRT_RESOLVER"] = "carrier-pigeon"
        import greenrt
        from greenrt import monkey

        starts = [monkey.patch_all, monkey.patch_time, greenrt.get_hub, lambda: greenrt.spawn(print)]
        for start in (*starts, greenrt.Event().wait):
            try:
                start()
            except ValueError as error:
                print(error)
        assert not monkey.is_anything_patched()
        os.environ["GREENRT_RESOLVER"] = "block"
        greenrt.spawn(print, "and then it starts").join()
    """)
    refusal = "GREENRT_RESOLVER is 'carrier-pigeon'; use one of auto, ares, thread, block"
    assert out.splitlines() == [refusal] * 5 + ["and then it starts"]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("hosts: files dns", False),
        ("hosts: files", False),
        ("hosts: files [NOTFOUND=return] dns", False),
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns", True),
        ("hosts: resolve files dns", True),
    ],
)
def test_auto_leaves_other_sources_to_the_c_library(etc: Path, line: str, left: bool) -> None:
    (etc / "nsswitch.conf").write_text(line + "\n")
    assert was_left(AutoResolver, "gethostbyname", "localhost") is left
    # nsswitch.conf is checked at each call.
    (etc / "nsswitch.conf").write_text("hosts: files\n")
    assert was_left(AutoResolver, "gethostbyname", "localhost") is False


def test_rare_lookups_are_left_to_the_c_library(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (etc / "nsswitch.conf").write_text("hosts: files dns\nservices: files\n")
    assert was_left(AresResolver, "getaddrinfo", "localhost", 80) is False
    assert was_left(AresResolver, "getaddrinfo", "localhost", 80, 0, 0, 0, AI_IDN) is True
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    assert was_left(AresResolver, "getnameinfo", ("127.0.0.1", 80), numeric) is False
    assert was_left(AresResolver, "getnameinfo", ("127.0.0.1", 80), numeric | NI_NOFQDN) is True
    assert was_left(AresResolver, "getaddrinfo", "localhost", "http") is False
    (etc / "nsswitch.conf").write_text("hosts: files dns\nservices: nis files\n")
    assert was_left(AresResolver, "getaddrinfo", "localhost", "http") is True
    assert was_left(AresResolver, "getaddrinfo", "localhost", 80) is False
    # The user may have aliases for names without a dot (hostname(7)).
    monkeypatch.setenv("HOSTALIASES", str(etc / "none"))
    assert was_left(AresResolver, "getaddrinfo", "localhost", 80) is True


def test_names_have_threads_of_their_own() -> None:
    """Slow lookups occupy no threads that other calls need."""
    pool = greenrt.get_hub().threadpool
    resolver = ThreadResolver()
    try:
        assert resolver.gethostbyname("localhost") == "127.0.0.1"
        assert resolver._pool is not pool
    finally:
        resolver.close()


class Recording:
    """A stub that records queries and waits."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def configure(self, config: Any) -> None:
        pass

    def submit(self, name: str, rtype: str, *, servers: Any = None) -> Any:
        self.steps.append(f"ask {rtype}")
        return RecordedLookup(self, name, rtype)


class RecordedLookup:
    def __init__(self, stub: Recording, name: str, rtype: str) -> None:
        self.stub, self.name, self.rtype = stub, name, rtype

    def result(self) -> Answer:
        self.stub.steps.append(f"wait for {self.rtype}")
        return Answer(self.name, ["192.0.2.1" if self.rtype == "A" else "2001:db8::1"])

    def cancel(self) -> None:
        pass


@pytest.mark.parametrize(
    ("option", "steps"),
    [
        ("", ["ask A", "ask AAAA", "wait for A", "wait for AAAA"]),
        ("single-request", ["ask A", "wait for A", "ask AAAA", "wait for AAAA"]),
        ("no-aaaa", ["ask A", "wait for A"]),
    ],
)
def test_both_families_are_asked_for_at_once_unless_forbidden(
    etc: Path, option: str, steps: list[str]
) -> None:
    (etc / "resolv.conf").write_text(f"nameserver 192.0.2.53\noptions {option}\n")
    stub = Recording()
    Dns(stub).by_name("name.test", socket.AF_UNSPEC)
    assert stub.steps == steps


def test_getfqdn_asks_the_resolver() -> None:
    class Own:
        def gethostbyaddr(self, name: str) -> Any:
            return "host", ["host.name.test"], ["192.0.2.1"]

        def close(self) -> None:
            pass

    hub = greenrt.get_hub()
    before = hub.resolver
    hub.resolver = Own()
    try:
        assert green.getfqdn("192.0.2.1") == "host.name.test"
    finally:
        hub.resolver = before


@pytest.fixture
def hub() -> Iterator[greenrt.Hub]:
    hub = greenrt.get_hub()
    before, pool = hub.resolver, hub.threadpool
    yield hub
    hub.resolver, hub.threadpool = before, pool


@pytest.mark.parametrize("name", RESOLVERS)
def test_a_hub_takes_a_resolver_by_its_name(hub: greenrt.Hub, name: str) -> None:
    hub.resolver = name
    try:
        assert type(hub.resolver) is RESOLVERS[name]
        assert green.gethostbyname("127.0.0.1") == "127.0.0.1"
        assert green.getaddrinfo("localhost", 80)
    finally:
        hub.resolver.close()


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        ("carrier-pigeon", ValueError, "no resolver 'carrier-pigeon'.* auto, ares, thread, block"),
        ("", ValueError, "one of auto, ares, thread, block, not ''"),
        (3, TypeError, "resolver must be one of auto, ares, thread, block, .* not 3"),
        (AutoResolver, TypeError, "resolver must be .* not <class"),
        (..., TypeError, "resolver must be .* not Ellipsis"),
    ],
    ids=repr,
)
def test_an_invalid_resolver_is_refused_at_once(
    hub: greenrt.Hub, value: Any, kind: type[Exception], words: str
) -> None:
    before = hub.resolver
    with pytest.raises(kind, match=words):
        hub.resolver = value
    assert hub.resolver is before


@pytest.mark.parametrize("value", ["thread", 3, greenrt.ThreadPool, ...], ids=repr)
def test_an_invalid_thread_pool_is_refused_at_once(hub: greenrt.Hub, value: Any) -> None:
    before = hub.threadpool
    with pytest.raises(TypeError, match="threadpool must be a ThreadPool"):
        hub.threadpool = value
    assert hub.threadpool is before


def test_none_stands_for_a_new_resolver_and_a_new_pool(hub: greenrt.Hub) -> None:
    before = hub.resolver, hub.threadpool
    hub.resolver = hub.threadpool = None
    try:
        assert hub.resolver is not before[0]
        assert hub.threadpool is not before[1]
    finally:
        hub.resolver.close()
        hub.threadpool.kill()
