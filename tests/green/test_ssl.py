"""Green TLS, beyond blocking TLS: other greenlets run, greenlets are killed, descriptors with waiters are closed."""

import errno
import os
import socket as stdlib_socket
import ssl as stdlib_ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.tls import contexts

import greenrt
from greenrt.errors import ConcurrentObjectUseError
from greenrt.green import socket, ssl


def connected(context_pair: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
    client_context, server_context = context_pair or contexts(ssl)
    near, far = socket.socketpair()
    near.settimeout(timeout)
    accepting = greenrt.spawn(server_context.wrap_socket, far, True)
    client = client_context.wrap_socket(near, server_hostname="localhost")
    return client, accepting.get()


@pytest.fixture
def pair() -> Iterator[tuple[Any, Any]]:
    client, server = connected()
    with client, server:
        yield client, server


def test_others_run_meanwhile(pair: tuple[Any, Any]) -> None:
    client, server = pair
    reader = greenrt.spawn(client.recv, 1)
    greenrt.sleep(0.01)
    assert not reader.dead
    server.sendall(b"x")
    assert reader.get() == b"x"


@pytest.mark.parametrize("call", ["recv", "sendall", "unwrap"])
def test_close_wakes_with_ebadf(pair: tuple[Any, Any], call: str) -> None:
    client, _ = pair
    arguments = {"recv": (1,), "sendall": (b"x" * 20_000_000,), "unwrap": ()}[call]
    waiter = greenrt.spawn(getattr(client, call), *arguments)
    greenrt.sleep(0.05)
    assert not waiter.dead
    client.close()
    with pytest.raises(OSError, match="closed") as caught:
        waiter.get()
    assert caught.value.errno == errno.EBADF


def test_a_second_writer_is_refused_before_it_does_harm(pair: tuple[Any, Any]) -> None:
    client, server = pair
    data = b"x" * 3_000_000
    writer = greenrt.spawn(client.sendall, data)
    greenrt.sleep(0.01)
    with pytest.raises(ConcurrentObjectUseError, match="being written"):
        client.sendall(b"y" * 4_000_000)
    got = 0
    while got < len(data):
        part = server.recv(65536)
        assert part == b"x" * len(part)
        got += len(part)
    writer.get()
    client.sendall(b"y")
    assert server.recv(2) == b"y"


def test_a_second_reader_is_refused(pair: tuple[Any, Any]) -> None:
    client, server = pair
    reader = greenrt.spawn(client.recv, 1)
    greenrt.sleep(0)
    with pytest.raises(ConcurrentObjectUseError, match="being read"):
        client.recv(1)
    server.sendall(b"x")
    assert reader.get() == b"x"


def test_a_killed_reader_loses_nothing(pair: tuple[Any, Any]) -> None:
    client, server = pair
    reader = greenrt.spawn(client.recv, 1)
    greenrt.sleep(0)
    server.sendall(b"abc")
    reader.kill()
    # The other greenlet has received its byte if sendall yielded.
    first = reader.value if isinstance(reader.value, bytes) else b""
    assert first + client.recv(3 - len(first)) == b"abc"


def test_a_timeout_of_greenrt_in_a_read(pair: tuple[Any, Any]) -> None:
    client, server = pair
    with pytest.raises(greenrt.Timeout), greenrt.Timeout(0.01):
        client.recv(1)
    server.sendall(b"abc")
    assert client.recv(3) == b"abc"
    assert client.gettimeout() is None


def test_the_fd_is_blocking_again_after_the_layer(pair: tuple[Any, Any]) -> None:
    client, server = pair
    ending = greenrt.spawn(server.unwrap)
    plain = client.unwrap()
    ending.get()
    assert plain.gettimeout() is None
    assert stdlib_socket.socket.gettimeout(plain) is None
    assert os.get_blocking(plain.fileno())


def outcome(call: Callable[[], Any]) -> Any:
    """Return the result of `call`, or the type and the number of its error."""
    try:
        return call()
    except OSError as error:
        return type(error), error.errno


def end_without_a_close_notify() -> Any:
    """Return the result of a standard read from a socket that is shut down in both directions.

    This is b"", but from OpenSSL 3.6 on it is the error of the alert that OpenSSL cannot write then.
    """
    client_context, server_context = contexts(stdlib_ssl)
    near, far = stdlib_socket.socketpair()
    with ThreadPoolExecutor(1) as executor:
        accepting = executor.submit(server_context.wrap_socket, far, True)
        with client_context.wrap_socket(near, server_hostname="localhost") as client, accepting.result():
            stdlib_socket.socket.shutdown(client, stdlib_socket.SHUT_RDWR)
            return outcome(lambda: client.recv(1))


def test_a_shutdown_under_a_reader(pair: tuple[Any, Any]) -> None:
    client, _ = pair
    reader = greenrt.spawn(client.recv, 1)
    greenrt.sleep(0.01)
    client.shutdown(socket.SHUT_RDWR)
    assert outcome(reader.get) == end_without_a_close_notify()
    assert stdlib_socket.socket.gettimeout(client) is None


class Renegotiating:
    """An `_SSLSocket` that must write before it reads, as for new keys. A test cannot make OpenSSL do that."""

    def __init__(self, sslobj: Any) -> None:
        self.sslobj = sslobj
        self.wrote = False

    def read(self, *args: Any) -> Any:
        if not self.wrote:
            self.wrote = True
            raise ssl.SSLWantWriteError
        return self.sslobj.read(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sslobj, name)


def test_a_read_that_writes_while_another_greenlet_writes(pair: tuple[Any, Any]) -> None:
    client, server = pair
    data = b"x" * 3_000_000
    client._sslobj = Renegotiating(client._sslobj)
    writer = greenrt.spawn(client.sendall, data)
    reader = greenrt.spawn(client.recv, 1)
    server.sendall(b"y")
    greenrt.sleep(0.01)
    assert not writer.dead
    got = 0
    while got < len(data):
        got += len(server.recv(65536))
    writer.get()
    assert reader.get() == b"y"


def test_in_a_thread_without_a_hub(pair: tuple[Any, Any]) -> None:
    client, server = pair

    def read() -> tuple[bytes, str]:
        client.settimeout(20)
        found = client.recv(1)
        client.settimeout(0.01)
        try:
            client.recv(1)
        except TimeoutError as error:
            return found, str(error)
        raise AssertionError

    reading = greenrt.get_hub().threadpool.spawn(read)
    greenrt.sleep(0.02)
    server.sendall(b"x")
    assert reading.get() == (b"x", "The read operation timed out")


def test_reading_lets_other_greenlets_run(pair: tuple[Any, Any]) -> None:
    # A peer that always sends data.
    client, server = pair
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            greenrt.sleep(0.001)
            ticks += 1

    ticker = greenrt.spawn(tick)
    writer = greenrt.spawn(server.sendall, b"x" * 30_000_000)
    got = 0
    while got < 30_000_000:
        got += len(client.recv(1000))
    writer.get()
    ticker.kill()
    assert ticks > 0
