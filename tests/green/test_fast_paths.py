"""The twins of the standard library take a fast path if they need not wait: one test for each path.

See tests/hub/test_fast_paths.py.

A mock of the slow path that raises, or a count of switches where the path is compiled.
"""

import os
import socket as standard
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.switches import switches

import greenrt
from greenrt import get_hub
from greenrt._hub.current_hub import get_hub_if_exists
from greenrt.dns import services
from greenrt.green import _fd_io, _socket_life, _socket_names, select, socket, time
from greenrt.green import os as green_os


def slow(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("the slow path")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    yield one, other
    one.close()
    other.close()


CALLS = {
    "recv": lambda sock: sock.recv(1),
    "recv_into": lambda sock: sock.recv_into(bytearray(1)),
    "recvfrom": lambda sock: sock.recvfrom(1),
    "recvmsg": lambda sock: sock.recvmsg(1),
    "recvmsg_into": lambda sock: sock.recvmsg_into([bytearray(1)]),
    "recvfrom_into": lambda sock: sock.recvfrom_into(bytearray(1)),
    "send": lambda sock: sock.send(b"x"),
    "sendall": lambda sock: sock.sendall(b"x"),
    "sendmsg": lambda sock: sock.sendmsg([b"x"]),
}


@pytest.mark.parametrize("timeout", [None, 5.0])
@pytest.mark.parametrize("name", CALLS)
def test_a_socket_that_is_ready_makes_no_switch(
    name: str, timeout: float | None, pair: tuple[socket.socket, socket.socket]
) -> None:
    one, other = pair
    one.settimeout(timeout)
    other.sendall(b"x" * 100)
    assert switches(lambda: [CALLS[name](one) for _ in range(5)]) == 0


def test_connections_that_have_arrived_are_accepted_without_a_switch() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        clients = [standard.create_connection(listener.getsockname()) for _ in range(5)]
        assert switches(lambda: listener.accept()[0].close()) == 0
        for client in clients:
            client.close()


def test_select_asks_the_kernel_first(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = pair
    assert switches(lambda: select.select([], [one], [], 5)) == 0
    # The slow path creates an object for poll(2).
    monkeypatch.setattr(select, "poll", slow)
    assert select.select([], [one], [], 5) == ([], [one], [])
    assert select.select([one], [], [], 0) == ([], [], [])
    with pytest.raises(AssertionError, match="the slow path"):
        select.select([one], [], [], 0.001)


def test_poll_asks_the_kernel_first(pair: tuple[socket.socket, socket.socket]) -> None:
    one, _ = pair
    poller = select.poll()
    poller.register(one, select.POLLOUT)
    assert switches(poller.poll) == 0


def test_files_are_read_and_written_by_the_original_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_fd_io, "yield_if_due", slow, raising=False)
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    assert switches(lambda: _fd_io.write(fd, b"text")) == 0
    os.lseek(fd, 0, os.SEEK_SET)
    assert _fd_io.read(fd, 4) == b"text"
    os.close(fd)


def test_a_pipe_that_is_ready_makes_no_switch() -> None:
    reader, writer = os.pipe()
    assert switches(lambda: (green_os.write(writer, b"text"), green_os.read(reader, 4))) == 0
    os.close(reader)
    os.close(writer)


def test_a_pipe_is_read_without_asking_for_readiness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux 6.4 reads pipes with RWF_NOWAIT."""
    reader, writer = os.pipe()
    if _fd_io.read_now(reader, 1) is NotImplemented:
        # An older kernel has no such fast path.
        os.close(reader)
        os.close(writer)
        return
    monkeypatch.setattr(_fd_io, "poll_fd", slow)
    green_os.write(writer, b"text")
    assert green_os.read(reader, 4) == b"text"
    os.close(reader)
    os.close(writer)


def test_sleep_of_nothing_makes_no_timer() -> None:
    loop = get_hub().loop
    before = len(loop.timers)
    greenrt.spawn(lambda: seen.append(len(loop.timers)))
    seen: list[int] = []
    time.sleep(0)
    assert seen == [before]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", b"127.0.0.1", None])
def test_addresses_reach_no_resolver(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_socket_names, "_resolver", slow)
    assert _socket_names.getaddrinfo(host, 80)
    if host is not None:
        assert _socket_names.gethostbyname("127.0.0.1") == "127.0.0.1"
        assert _socket_names.gethostbyname_ex("127.0.0.1")[0] == "127.0.0.1"
    assert _socket_names.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)


def test_connecting_to_an_address_reaches_no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_socket_names, "_resolver", slow)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())


def test_a_port_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = services.services("http", 0, 0, 0, 0), services.services(80, 0, 0, 0, 0)
    monkeypatch.setattr(services, "_ask", slow)
    assert (services.services("http", 0, 0, 0, 0), services.services(80, 0, 0, 0, 0)) == first


def test_a_file_is_sent_by_the_kernel(
    monkeypatch: pytest.MonkeyPatch, pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    calls = []
    original = os.sendfile
    monkeypatch.setattr(_socket_life.os, "sendfile", lambda *args: calls.append(args) or original(*args))
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    with open(path, "rb") as file:
        pair[0].sendfile(file)
    assert calls


def test_a_native_thread_makes_the_original_calls(pair: tuple[socket.socket, socket.socket]) -> None:
    """Calls that wait in a thread without a hub create no hub."""
    found = []

    def run() -> None:
        one, other = pair
        one.sendall(b"x")
        found.append(other.recv(1))
        time.sleep(0.001)
        found.append(get_hub_if_exists())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [b"x", None]
