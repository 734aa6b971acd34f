"""Each scenario ends the same way on the standard `ssl` with threads and on the green one with greenlets."""

import io
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from support.sides import Green, Scenarios, Side, described
from support.tls import contexts

scenario = Scenarios()


def attempt(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except Exception as error:
        # Without the line of _ssl.c, and without the class of the instance.
        text = re.sub(r" on .*<.*| around .*|.*: | \(_ssl.*", "", str(error))
        return (*described(error), text)


@contextmanager
def tls_pair(side: Side, timeout: float | None = 20) -> Iterator[tuple[Any, Any]]:
    """Return two ends of a TLS connection."""
    client_context, server_context = contexts(side.ssl)
    near, far = side.pair()
    far.settimeout(20)
    accepting = side.spawn(server_context.wrap_socket, far, True)
    near.settimeout(timeout)
    client = client_context.wrap_socket(near, server_hostname="localhost")
    server = accepting.result()
    with client, server:
        yield client, server


@scenario
def echo(side: Side) -> Any:
    with tls_pair(side) as (client, server):
        task = side.spawn(lambda: server.sendall(server.recv(100)))
        client.sendall(b"hello")
        task.result()
        return client.recv(3), client.pending(), client.recv(), client.version(), type(client).__name__


@scenario
def much(side: Side) -> Any:
    data = bytes(range(256)) * 20_000
    with tls_pair(side, None) as (client, server):

        def receive() -> bytes:
            parts = []
            while part := server.recv(70_000):
                parts.append(part)
            return b"".join(parts)

        task = side.spawn(receive)
        sent = client.sendall(memoryview(data).cast("I"))
        closing = attempt(client.shutdown, socket.SHUT_WR)
        return task.result() == data, sent, closing, client.gettimeout()


def test_both_ways_at_once() -> None:
    """Not compared: an SSL object of CPython 3.13.0 does not always work with two native threads at once."""
    data, side = b"x" * 3_000_000, Green()

    def receive(sock: Any) -> int:
        got = 0
        while got < len(data):
            got += len(sock.recv(65536))
        return got

    with tls_pair(side) as (client, server):
        tasks = [side.spawn(receive, end) for end in (client, server)]
        tasks += [side.spawn(end.sendall, data) for end in (client, server)]
        assert [task.result() for task in tasks] == [len(data), len(data), None, None]


@scenario
def buffers(side: Side) -> Any:
    with tls_pair(side) as (client, server):
        server.sendall(b"0123456789")
        buffer = bytearray(4)
        found = [client.recv_into(buffer), bytes(buffer), client.recv_into(buffer, 2), bytes(buffer)]
        found += [client.read(2, buffer), client.read(1), client.read()]
        found += [client.write(b"abc"), client.send(b""), server.read(10)]
        found += [
            attempt(client.send, b"x", 1),
            attempt(client.recv, 1, 1),
            attempt(client.sendto, b"x", ("", 1)),
        ]
        found += [attempt(client.recvmsg, 1), attempt(client.sendmsg, [b""]), attempt(client.dup)]
        found.append(attempt(client.recv, -1))
        return found


@scenario
def files(side: Side) -> Any:
    with tls_pair(side) as (client, server):
        sent = client.sendfile(io.BytesIO(b"one\ntwo\nthree\n"), 4)
        with server.makefile("r") as lines:
            return sent, lines.readline(), lines.readline()


@scenario
def timeouts(side: Side) -> Any:
    with tls_pair(side, 0.05) as (client, _):
        found = [attempt(client.recv, 1), client.gettimeout(), client.timeout, client.getblocking()]
        found.append(attempt(client.sendall, b"x" * 20_000_000)[:3])
        client.settimeout(0)
        found += [attempt(client.recv, 1), client.timeout, client.getblocking()]
        client.setblocking(True)
        found += [client.timeout, client.getblocking()]
        found += [attempt(client.settimeout, -1), attempt(client.settimeout, "x"), client.timeout]
        return found


@scenario
def handshake_times_out(side: Side) -> Any:
    client_context, _ = contexts(side.ssl)
    near, far = side.pair()
    with near, far:
        near.settimeout(0.05)
        found = attempt(client_context.wrap_socket, near, server_hostname="localhost")
        return found, near.fileno()


@scenario
def handshake_by_hand(side: Side) -> Any:
    client_context, server_context = contexts(side.ssl)
    near, far = side.pair()
    client = client_context.wrap_socket(near, do_handshake_on_connect=False, server_hostname="localhost")
    with client, far:
        client.setblocking(False)
        found = [attempt(client.do_handshake)]
        task = side.spawn(server_context.wrap_socket, far, True)
        client.do_handshake(block=True)
        with task.result() as server:
            server.sendall(b"x")
            found.append(client.gettimeout())
            client.settimeout(20)
            found.append(client.recv(1))
        return found


@scenario
def connect_and_accept(side: Side) -> Any:
    client_context, server_context = contexts(side.ssl)
    with side.socket.create_server(("127.0.0.1", 0)) as plain:
        listener = server_context.wrap_socket(plain, server_side=True)
        with listener:

            def serve() -> Any:
                connection, _ = listener.accept()
                with connection:
                    return connection.recv(5), type(connection).__name__

            task = side.spawn(serve)
            with client_context.wrap_socket(side.socket.socket(), server_hostname="localhost") as client:
                found = [attempt(client.recv, 1), attempt(client.send, b"x"), client.version()]
                client.connect(listener.getsockname())
                client.sendall(b"hello")
                found += [task.result(), attempt(client.connect, listener.getsockname())]
            return found


@scenario
def a_failed_connect(side: Side) -> Any:
    client_context, _ = contexts(side.ssl)
    with side.socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with client_context.wrap_socket(side.socket.socket(), server_hostname="localhost") as client:
            client.settimeout(0.05)
            # No peer does the handshake.
            return attempt(client.connect, address), client.gettimeout(), attempt(client.recv, 1)


@scenario
def wrong_name(side: Side) -> Any:
    client_context, server_context = contexts(side.ssl)
    near, far = side.pair()
    task = side.spawn(lambda: attempt(server_context.wrap_socket, far, True))
    found = attempt(client_context.wrap_socket, near, server_hostname="elsewhere.invalid")
    return found, task.result()[0]


@scenario
def unwrap_and_go_on(side: Side) -> Any:
    with tls_pair(side, None) as (client, server):

        def end() -> Any:
            first = server.recv(10)
            plain = server.unwrap()
            return first, plain is server, plain.recv(10), plain.sendall(b"good bye")

        task = side.spawn(end)
        client.sendall(b"secret")
        plain = client.unwrap()
        plain.sendall(b"plain")
        found = [plain.recv(20), task.result(), plain.gettimeout(), plain.version()]
        found += [attempt(client.unwrap), attempt(client.read, 1)]
        return found


@scenario
def a_ragged_end(side: Side) -> Any:
    found = []
    for suppressed in (True, False):
        with tls_pair(side) as (client, server):
            client.suppress_ragged_eofs = suppressed
            server.shutdown(socket.SHUT_RDWR)
            found += [attempt(client.recv, 1), attempt(client.recv_into, bytearray(1))]
    return found


@scenario
def names_by_sni(side: Side) -> Any:
    client_context, server_context = contexts(side.ssl)
    seen = []

    def choose(sock: Any, name: str | None, context: Any) -> None:
        # This stands for a query to a database.
        side.sleep(0.02)
        seen.append((name, context is server_context, type(sock).__name__))
        _, sock.context = contexts(side.ssl)

    server_context.sni_callback = choose
    near, far = side.pair()
    task = side.spawn(server_context.wrap_socket, far, True)
    with client_context.wrap_socket(near, server_hostname="localhost") as client, task.result() as server:
        server.sendall(b"x")
        return seen, client.recv(1), server.context is server_context


@scenario
def sessions(side: Side) -> Any:
    client_context, server_context = contexts(side.ssl)
    session, found = None, []
    for _ in range(2):
        near, far = side.pair()
        task = side.spawn(server_context.wrap_socket, far, True)
        client = client_context.wrap_socket(near, server_hostname="localhost", session=session)
        with client, task.result() as server:
            server.sendall(b"x")
            found += [client.recv(1), client.session_reused, server.session_reused]
            session = client.session
    return found


@scenario
def detached(side: Side) -> Any:
    with tls_pair(side, None) as (client, server):
        server.sendall(b"x")
        client.recv(1)
        with socket.socket(fileno=client.detach()) as plain:
            return os.get_blocking(plain.fileno()), client.fileno()


@scenario
def tls_in_a_fresh_context(side: Side) -> Any:
    with side.socket.create_server(("127.0.0.1", 0)) as plain:
        _, server_context = contexts(side.ssl)

        def serve() -> None:
            with server_context.wrap_socket(plain.accept()[0], server_side=True):
                pass

        task = side.spawn(serve)
        text = side.ssl.get_server_certificate(plain.getsockname())
        task.result()
        return text


test_same = scenario.test()


def test_the_twin_is_a_subclass() -> None:
    from greenrt.green import socket as green_socket
    from greenrt.green import ssl as green

    assert issubclass(green.SSLSocket, ssl.SSLSocket)
    assert issubclass(green.SSLSocket, green_socket.socket)
    assert issubclass(green.SSLContext, ssl.SSLContext)
    assert green.MemoryBIO is ssl.MemoryBIO
    assert green.create_default_context().sslsocket_class is green.SSLSocket
