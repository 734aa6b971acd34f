"""Happy eyeballs with listeners that accept, refuse or ignore connections."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

import greenrt
from greenrt import happy_eyeballs
from greenrt.green import socket as green

Address = tuple[str, int]
Answer = tuple[float, list[Address] | OSError]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def silent() -> Iterator[Address]:
    """An address that never answers: a listener whose backlog is full."""
    held = []
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(sock.getsockname())
            held.append(one)
        time.sleep(0.02)
        yield sock.getsockname()
    for one in held:
        one.close()


@pytest.fixture
def refused() -> Iterator[Address]:
    # Bound but not listening, so that no other process gets the port.
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()


def names(monkeypatch: pytest.MonkeyPatch, six: Answer, four: Answer) -> None:
    """Let lookups of each family return addresses, or raise an error, after a number of seconds."""

    def getaddrinfo(
        host: str, port: int, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[tuple[object, ...]]:
        delay, found = six if family == socket.AF_INET6 else four
        greenrt.sleep(delay)
        if isinstance(found, OSError):
            raise found
        # All addresses are IPv4 addresses, for both families: some machines have no IPv6.
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in found]

    monkeypatch.setattr(green, "getaddrinfo", getaddrinfo)


NODATA = socket.gaierror(socket.EAI_NODATA, "No address associated with hostname")
AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def test_connects(listener: socket.socket) -> None:
    with happy_eyeballs.create_connection(listener.getsockname(), 5) as sock:
        assert sock.getpeername() == listener.getsockname()
        assert sock.gettimeout() == 5


def test_the_next_address_does_not_wait_for_a_silent_one(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket, silent: Address
) -> None:
    names(monkeypatch, (0, [silent, silent]), (0, [listener.getsockname()]))
    started = time.monotonic()
    with happy_eyeballs.create_connection(("host", 1), 20, attempt_delay=0.05) as sock:
        assert sock.getpeername() == listener.getsockname()
    assert 0.05 <= time.monotonic() - started < 10


def test_the_next_address_comes_at_once_after_a_refusal(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket, refused: Address
) -> None:
    names(monkeypatch, (0, [refused] * 3), (0, [listener.getsockname()]))
    started = time.monotonic()
    with happy_eyeballs.create_connection(("host", 1), attempt_delay=30):
        assert time.monotonic() - started < 10


def test_the_families_take_turns(
    monkeypatch: pytest.MonkeyPatch, refused: Address, listener: socket.socket
) -> None:
    tried = []
    monkeypatch.setattr(
        happy_eyeballs._Race,
        "_try",
        lambda self, found: (tried.append(found[4][0]), self.events.put(("failed", OSError(1, "x")))),
    )
    names(monkeypatch, (0, [("a6", 1), ("b6", 1), ("c6", 1)]), (0, [("a4", 1)]))
    with pytest.raises(OSError, match="x"):
        happy_eyeballs.create_connection(("host", 1))
    assert tried == ["a6", "a4", "b6", "c6"]


def test_the_first_family_to_be_found_is_used(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    names(monkeypatch, (20, []), (0, [listener.getsockname()]))
    started = time.monotonic()
    with happy_eyeballs.create_connection(("host", 1), 30):
        assert 0.05 <= time.monotonic() - started < 10


def test_errors(monkeypatch: pytest.MonkeyPatch, refused: Address) -> None:
    names(monkeypatch, (0, NODATA), (0, AGAIN))
    with pytest.raises(socket.gaierror, match="Temporary"):
        happy_eyeballs.create_connection(("host", 1))
    names(monkeypatch, (0, NODATA), (0, NODATA))
    with pytest.raises(socket.gaierror, match="No address"):
        happy_eyeballs.create_connection(("host", 1))
    names(monkeypatch, (0, NODATA), (0, [refused, refused]))
    with pytest.raises(ConnectionRefusedError):
        happy_eyeballs.create_connection(("host", 1))
    with pytest.raises(ExceptionGroup) as caught:
        happy_eyeballs.create_connection(("host", 1), all_errors=True)
    assert len(caught.value.exceptions) == 2


def test_timeout_and_kill_leave_nothing(monkeypatch: pytest.MonkeyPatch, silent: Address) -> None:
    names(monkeypatch, (0, [silent]), (0, [silent]))
    with pytest.raises(TimeoutError):
        happy_eyeballs.create_connection(("host", 1), 0.1, attempt_delay=0.02)
    names(monkeypatch, (20, []), (20, []))
    with pytest.raises(TimeoutError):
        happy_eyeballs.create_connection(("host", 1), 0.02)
    names(monkeypatch, (0, [silent]), (0, [silent]))
    let = greenrt.spawn(happy_eyeballs.create_connection, ("host", 1), attempt_delay=0.01)
    greenrt.sleep(0.05)
    let.kill()
    # The leak check runs after the test.


@pytest.mark.parametrize(
    ("error", "names", "arguments"),
    [
        (TypeError, "address", {"address": 5}),
        (TypeError, "address", {"address": "ab"}),
        (ValueError, "address", {"address": ("host",)}),
        (ValueError, "address", {"address": ("host", 1, 2)}),
        (TypeError, "host of address", {"address": (5, 80)}),
        (TypeError, "port of address", {"address": ("host", 1.5)}),
        (TypeError, "timeout", {"timeout": "a"}),
        (ValueError, "timeout", {"timeout": -1}),
        (TypeError, "attempt_delay", {"attempt_delay": "a"}),
        (ValueError, "attempt_delay", {"attempt_delay": -0.1}),
        (ValueError, "resolution_delay", {"resolution_delay": float("nan")}),
        (TypeError, "resolution_delay", {"resolution_delay": None}),
    ],
)
def test_wrong_arguments_are_named(error: type[Exception], names: str, arguments: dict[str, object]) -> None:
    call: dict[str, Any] = {"address": ("127.0.0.1", 1), **arguments}
    with pytest.raises(error, match=names):
        happy_eyeballs.create_connection(**call)


def test_an_error_of_a_lookup_or_an_attempt_that_is_no_os_error_ends_the_race(
    listener: socket.socket, capfd: pytest.CaptureFixture[str]
) -> None:
    """It has to be raised in the caller, which would otherwise wait for ever."""
    with greenrt.Timeout(30), pytest.raises(UnicodeError, match="idna"):
        happy_eyeballs.create_connection(("a..test", 80))
    source: Any = 5
    with greenrt.Timeout(30), pytest.raises(TypeError, match="bind"):
        happy_eyeballs.create_connection(listener.getsockname(), source_address=source)
    assert capfd.readouterr().err == ""


def test_source_address(listener: socket.socket) -> None:
    with happy_eyeballs.create_connection(listener.getsockname(), source_address=("127.0.0.1", 0)) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


def test_in_a_thread_without_a_hub(listener: socket.socket) -> None:
    found = []

    def body() -> None:
        with happy_eyeballs.create_connection(listener.getsockname(), 5) as sock:
            found.append(sock.getpeername())

    pool = greenrt.ThreadPool(1)
    pool.apply(body)
    pool.kill()
    assert found == [listener.getsockname()]
