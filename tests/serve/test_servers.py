"""StreamServer and DatagramServer, with real clients."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

import greenrt
from greenrt.green import socket
from greenrt.serve import DatagramServer, StreamServer


def echo(sock: Any, address: Any) -> None:
    while data := sock.recv(1000):
        sock.sendall(data)


def ask(address: Any, message: bytes = b"hello") -> bytes:
    with socket.create_connection(address) as sock:
        sock.sendall(message)
        return bytes(sock.recv(1000))


@pytest.mark.parametrize(
    "spawn", ["default", "raw", 3, None, greenrt.spawn, greenrt.Pool, greenrt.Group], ids=str
)
def test_every_way_to_run_handlers(spawn: Any) -> None:
    chosen = spawn(5) if spawn is greenrt.Pool else spawn() if spawn is greenrt.Group else spawn
    handled: list[Any] = []

    def once(sock: Any, address: Any) -> None:
        handled.append(address)
        sock.sendall(sock.recv(100))

    with StreamServer(("127.0.0.1", 0), once, spawn=chosen) as server:
        answers = [greenrt.spawn(ask, server.address, b"%d" % number) for number in range(10)]
        assert [answer.get() for answer in answers] == [b"%d" % number for number in range(10)]
    assert len(handled) == 10
    assert server.closed


@pytest.mark.parametrize("form", ["tuple", "port", "text", "colon", "unix", "socket"])
def test_every_form_of_address(form: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        listeners: dict[str, Callable[[], Any]] = {
            "tuple": lambda: ("127.0.0.1", 0),
            "port": lambda: 0,
            "text": lambda: "127.0.0.1:0",
            "colon": lambda: ":0",
            "unix": lambda: "unix:" + path,
            "socket": lambda: socket.create_server(("127.0.0.1", 0)),
        }
        with StreamServer(listeners[form](), echo) as server:
            if form == "unix":
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.connect(path)
                    sock.sendall(b"hello")
                    assert sock.recv(10) == b"hello"
            else:
                assert server.server_port > 0
                assert ask(("127.0.0.1", server.server_port)) == b"hello"


@pytest.mark.parametrize("listener", ["nowhere", ("host", "http"), 70000, None, ..., ("127.0.0.1",)], ids=str)
def test_what_is_no_address(listener: Any) -> None:
    with pytest.raises(ValueError, match="no address to listen on"):
        StreamServer(listener, echo)


def test_an_address_in_use_is_named() -> None:
    with StreamServer(("127.0.0.1", 0), echo) as server:
        with pytest.raises(OSError, match=str(server.server_port)):
            StreamServer(server.address, echo).start()


def test_wrong_use() -> None:
    with pytest.raises(TypeError, match="spawn must be"):
        StreamServer(0, echo, spawn="sideways")
    with pytest.raises(TypeError, match="keyfile"):
        StreamServer(0, echo, keyfile="key.pem")
    with pytest.raises(TypeError, match="has no handle; give it a function"):
        StreamServer(0).start()
    with (
        StreamServer(("127.0.0.1", 0), echo) as server,
        pytest.raises(AssertionError, match="started already"),
    ):
        server.start()


def test_a_full_pool_accepts_no_one() -> None:
    go = greenrt.Event()
    inside: list[int] = []

    def wait(sock: Any, address: Any) -> None:
        inside.append(1)
        go.wait()
        sock.sendall(b"done")

    with StreamServer(("127.0.0.1", 0), wait, spawn=2) as server:
        clients = [greenrt.spawn(ask, server.address) for _ in range(5)]
        while len(inside) < 2:
            greenrt.sleep(0.001)
        greenrt.sleep(0.05)
        assert len(inside) == 2
        go.set()
        assert [client.get() for client in clients] == [b"done"] * 5


def test_an_error_in_a_handler_is_reported_and_serving_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(sock: Any, address: Any) -> None:
        if sock.recv(100) == b"fail":
            raise RuntimeError("in the handler")
        sock.sendall(b"fine")

    with StreamServer(("127.0.0.1", 0), fail) as server:
        assert ask(server.address, b"fail") == b""
        assert ask(server.address, b"ok") == b"fine"
    assert "in the handler" in capsys.readouterr().err


@pytest.mark.parametrize("spawn", ["default", 1, None, "raw"], ids=str)
def test_a_timeout_that_a_handler_lets_pass_ends_only_the_handler(
    spawn: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def handle(sock: Any, address: Any) -> None:
        raise greenrt.Timeout(5)

    with StreamServer(("127.0.0.1", 0), handle, spawn=spawn) as server:
        for _ in range(2):
            with socket.create_connection(server.address, 10) as sock:
                assert sock.recv(1) == b""
        assert server.started
    assert capsys.readouterr().err.count("5 seconds") == 2


@pytest.mark.parametrize("spawn", ["default", 1, None, "raw"], ids=str)
def test_an_exit_in_a_handler_comes_to_the_main_greenlet_once(spawn: Any) -> None:
    def handle(sock: Any, address: Any) -> None:
        sock.recv(1)
        raise SystemExit(3)

    with StreamServer(("127.0.0.1", 0), handle, spawn=spawn) as server:
        with socket.create_connection(server.address, 10) as sock:
            sock.send(b"x")
            with pytest.raises(SystemExit):
                greenrt.sleep(10)
            greenrt.sleep(0.01)


def test_stop_waits_for_handlers_then_kills_them() -> None:
    begun: list[Any] = []
    ended: list[str] = []

    def slow(sock: Any, address: Any) -> None:
        begun.append(sock)
        try:
            greenrt.sleep(0.05 if sock.recv(10) == b"short" else 30)
            ended.append("finished")
        except greenrt.GreenletExit:
            ended.append("killed")
            raise

    server = StreamServer(("127.0.0.1", 0), slow)
    server.start()
    clients = [greenrt.spawn(ask, server.address, message) for message in (b"short", b"long")]
    while len(begun) < 2:
        greenrt.sleep(0.001)
    server.stop(timeout=0.3)
    assert sorted(ended) == ["finished", "killed"]
    assert [client.get() for client in clients] == [b"", b""]
    assert not server.started
    with pytest.raises(ConnectionRefusedError):
        ask(server.address)


def test_no_handler_starts_after_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is accepted while the server closes is closed, not handled."""
    handled: list[Any] = []
    server = StreamServer(("127.0.0.1", 0), lambda sock, address: handled.append(address))
    server.start()
    kind = type(server.socket)
    accept = kind.accept

    def late(self: Any) -> Any:
        accepted = accept(self)
        server.close()
        return accepted

    monkeypatch.setattr(kind, "accept", late)
    # The close resets the connection if the client's bytes have arrived by then.
    with suppress(ConnectionResetError):
        assert ask(server.address) == b""
    server.stop()
    assert handled == []


def test_stop_during_a_pause_for_want_of_fds(monkeypatch: pytest.MonkeyPatch) -> None:
    server = StreamServer(("127.0.0.1", 0), echo)
    server.min_delay = server.max_delay = 30.0

    tried: list[Any] = []

    def no_fds(self: Any) -> Any:
        tried.append(self)
        raise OSError(24, "planned: too many open files")

    server.start()
    assert server.socket is not None
    monkeypatch.setattr(type(server.socket), "accept", no_fds)
    with socket.socket() as client:
        client.setblocking(False)
        client.connect_ex(server.address)
        while not tried:
            greenrt.sleep(0.001)
        accepting = server._accepting
        server.stop()
        assert accepting is not None
        accepting.join(timeout=10)
        assert accepting.dead


def test_stop_inside_a_handler() -> None:
    def handle(sock: Any, address: Any) -> None:
        greenrt.spawn(server.stop, 5)
        sock.sendall(b"last")

    server = StreamServer(("127.0.0.1", 0), handle)
    server.start()
    assert ask(server.address) == b"last"
    while server.started:
        greenrt.sleep(0.001)


def test_serve_forever_ends_by_stop() -> None:
    server = StreamServer(("127.0.0.1", 0), echo)
    serving = greenrt.spawn(server.serve_forever)
    greenrt.sleep(0.01)
    assert ask(server.address) == b"hello"
    server.stop()
    serving.get(timeout=5)


def test_bursts_let_others_run() -> None:
    turns: list[int] = []

    def count() -> None:
        while True:
            turns.append(1)
            greenrt.sleep(0)

    listener = socket.create_server(("127.0.0.1", 0), backlog=300)
    clients = []
    for _ in range(250):
        client = socket.socket()
        client.connect(listener.getsockname())
        clients.append(client)
    seen: list[int] = []
    counting = greenrt.spawn(count)
    with StreamServer(listener, lambda sock, address: seen.append(len(turns))) as server:
        server.max_accept = 50
        while len(seen) < 250:
            greenrt.sleep(0)
    counting.kill()
    for client in clients:
        client.close()
    assert len(set(seen)) >= 5


class Doubling(DatagramServer):
    def handle(self, data: bytes, address: Any) -> None:
        self.sendto(data * 2, address)


def test_datagrams() -> None:
    with Doubling(("127.0.0.1", 0)) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        for message in (b"one", b"", b"three"):
            client.sendto(message, server.address)
            assert client.recvfrom(100) == (message * 2, server.address)
    assert server.closed
