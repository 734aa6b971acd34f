"""gevent.server and gevent.baseserver: their hooks, where handlers run, TLS, errors and the end."""

import errno
import ssl as stdlib_ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from support.tls import CERTIFICATE

import greenrt
from greenrt.compat.gevent.baseserver import BaseServer, parse_address
from greenrt.compat.gevent.server import DatagramServer, StreamServer
from greenrt.green import socket, ssl
from greenrt.serve.base import all_servers


def echo(sock: Any, address: Any) -> None:
    while data := sock.recv(65536):
        sock.sendall(data)


@contextmanager
def started(server: Any) -> Iterator[Any]:
    server.start()
    try:
        with greenrt.Timeout(60):
            yield server
    finally:
        server.stop()


def ask(server: Any, data: bytes = b"question") -> bytes:
    """Send data and the end of the stream; return what the server sends."""
    with socket.create_connection(("127.0.0.1", server.server_port), 30) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        found = b""
        while piece := sock.recv(65536):
            found += piece
        return found


@pytest.mark.parametrize(
    "spawn",
    ["default", 5, greenrt.spawn_raw, greenrt.spawn, greenrt.Pool(5), greenrt.Group()],
    ids=["default", "5", "spawn_raw", "spawn", "Pool", "Group"],
)
def test_a_connection_is_handled_wherever_spawn_says(spawn: Any) -> None:
    with started(StreamServer(("127.0.0.1", 0), echo, spawn=spawn)) as server:
        assert [ask(server) for _ in range(3)] == [b"question"] * 3


def test_without_a_greenlet_the_handler_runs_in_the_hub() -> None:
    where: list[Any] = []

    def handle(sock: Any, address: Any) -> None:
        where.append(greenrt.getcurrent())
        sock.send(b"answer")

    with started(StreamServer(("127.0.0.1", 0), handle, spawn=None)) as server:
        assert ask(server, b"") == b"answer"
    assert where == [greenrt.get_hub()]


def test_a_handler_in_the_hub_can_t_block(capsys: pytest.CaptureFixture[str]) -> None:
    with started(StreamServer(("127.0.0.1", 0), lambda *_: greenrt.sleep(0.001), spawn=None)) as server:
        assert ask(server, b"") == b""
    errors = capsys.readouterr().err
    assert "BlockingInHub: Impossible to call blocking function in the event loop callback" in errors
    assert "spawn a greenlet for it" in errors


def test_an_empty_host_means_both_families() -> None:
    with started(StreamServer(("", 0), echo)) as server:
        assert server.server_host in ("::", "0.0.0.0")
        assert ask(server) == b"question"
        if server.family == socket.AF_INET6:
            with socket.create_connection(("::1", server.server_port), 30) as sock:
                sock.sendall(b"six")
                assert sock.recv(10) == b"six"


@pytest.mark.parametrize(
    ("given", "family", "address"),
    [
        (("127.0.0.1", 80), socket.AF_INET, ("127.0.0.1", 80)),
        (("", 80), socket.AF_INET6, ("", 80)),
        (("::1", 80), socket.AF_INET6, ("::1", 80)),
        ("127.0.0.1:80", socket.AF_INET, ("127.0.0.1", 80)),
        ("[::1]:80", socket.AF_INET6, ("::1", 80)),
        ("80", socket.AF_INET6, ("", 80)),
        (80, socket.AF_INET6, ("", 80)),
        ("*:80", socket.AF_INET, ("", 80)),
    ],
)
def test_addresses(given: Any, family: Any, address: Any) -> None:
    assert parse_address(given) == (family, address)


@pytest.mark.parametrize("given", ["x", "host:", "host:http"])
def test_an_invalid_address(given: str) -> None:
    with pytest.raises(ValueError, match=f"Failed to parse address '{given}'"):
        parse_address(given)
    with pytest.raises(TypeError, match="must be a tuple, a str or a port, not None"):
        parse_address(None)


def test_the_hooks_of_a_subclass_in_the_order_of_gevent() -> None:
    calls: list[str] = []

    class Server(StreamServer):
        def set_listener(self, listener: Any) -> None:
            calls.append("set_listener")
            super().set_listener(listener)

        def set_spawn(self, spawn: Any) -> None:
            calls.append("set_spawn")
            super().set_spawn(spawn)

        def set_handle(self, handle: Any) -> None:
            calls.append("set_handle")
            super().set_handle(handle)

        def init_socket(self) -> None:
            calls.append("init_socket")
            super().init_socket()

        @classmethod
        def get_listener(cls, address: Any, backlog: Any = None, family: Any = None) -> Any:
            calls.append("get_listener")
            return super().get_listener(address, backlog, family)

        def start_accepting(self) -> None:
            calls.append("start_accepting")
            super().start_accepting()

        def full(self) -> bool:
            calls.append("full")
            return super().full()

        def do_read(self) -> Any:
            found = super().do_read()
            calls.append("do_read" if found else "do_read: nothing")
            return found

        def do_handle(self, *args: Any) -> None:
            calls.append("do_handle")
            super().do_handle(*args)

        def handle(self, sock: Any, address: Any) -> None:
            calls.append("handle")
            echo(sock, address)

        def do_close(self, sock: Any, *args: Any) -> None:
            calls.append("do_close")
            super().do_close(sock, *args)

        def stop_accepting(self) -> None:
            calls.append("stop_accepting")
            super().stop_accepting()

    with started(Server(("127.0.0.1", 0))) as server:
        assert ask(server) == b"question"
    assert calls == [
        *("set_listener", "set_spawn", "set_handle"),
        *("init_socket", "get_listener", "start_accepting"),
        *("full", "do_read", "do_handle", "full", "do_read: nothing", "handle", "do_close", "stop_accepting"),
    ]


def test_a_full_pool_leaves_clients_in_the_queue_until_it_has_room() -> None:
    release = greenrt.Event()

    def handle(sock: Any, address: Any) -> None:
        release.wait()
        sock.send(b"answer")

    with started(StreamServer(("127.0.0.1", 0), handle, spawn=1)) as server:
        clients = [greenrt.spawn(ask, server, b"") for _ in range(3)]
        while not server.pool.full():
            greenrt.sleep(0.01)
        greenrt.sleep(0.05)
        assert server.full()
        assert server._accepted == 1
        release.set()
        assert [client.get(timeout=30) for client in clients] == [b"answer"] * 3


def test_a_pool_without_wait_available() -> None:
    class Few:
        running = 0

        def spawn(self, function: Any, *args: Any) -> Any:
            self.running += 1
            job = greenrt.spawn(function, *args)
            job.link(self.ended)
            return job

        def ended(self, job: Any) -> None:
            self.running -= 1

        def full(self) -> bool:
            return self.running >= 1

        def __bool__(self) -> bool:
            return False

    with started(StreamServer(("127.0.0.1", 0), echo, spawn=Few())) as server:
        clients = [greenrt.spawn(ask, server) for _ in range(3)]
        assert [client.get(timeout=30) for client in clients] == [b"question"] * 3


def test_stop_accepting_and_start_accepting() -> None:
    with started(StreamServer(("127.0.0.1", 0), echo)) as server:
        server.stop_accepting()
        client = greenrt.spawn(ask, server)
        client.join(0.05)
        assert server.started
        assert not client.ready()
        server.start_accepting()
        assert client.get(timeout=30) == b"question"


def test_a_socket_as_the_listener_is_closed_by_the_server() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with pytest.raises(TypeError, match="backlog must be None when the listener is a socket"):
        StreamServer(listener, echo, backlog=5)
    assert listener.fileno() == -1
    listener = socket.create_server(("127.0.0.1", 0))
    with started(StreamServer(listener, echo)) as server:
        assert ask(server) == b"question"
        assert not server.closed
    assert listener.fileno() == -1
    assert server.closed
    assert not hasattr(server, "socket")
    assert server in all_servers()


def test_stop_waits_for_the_handlers_of_a_pool_only() -> None:
    def handle(sock: Any, address: Any) -> None:
        sock.recv(1)
        sock.recv(1)
        ended.append(sock.fileno())

    ended: list[int] = []
    for spawn in (5, "default"):
        server = StreamServer(("127.0.0.1", 0), handle, spawn=spawn)
        server.start()
        with socket.create_connection(server.address, 30) as sock:
            sock.sendall(b"1")
            while not server._running:
                greenrt.sleep(0)
            server.stop(timeout=0.05)
            # The handler of the pool was killed; the other one still runs.
            assert server._running == (0 if spawn == 5 else 1)
            sock.sendall(b"2")
            while server._running:
                greenrt.sleep(0)
    assert len(ended) == 1


def test_serve_forever_ends_with_stop() -> None:
    server = StreamServer(("127.0.0.1", 0), echo)
    serving = greenrt.spawn(server.serve_forever)
    while not server.started:
        greenrt.sleep(0)
    assert ask(server) == b"question"
    server.stop()
    serving.get(timeout=30)
    assert not server.started
    with pytest.raises(ConnectionRefusedError):
        ask(server)


def test_an_error_of_do_read_pauses_the_server_and_a_fatal_one_closes_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Server(StreamServer):
        errors: list[OSError]

        def do_read(self) -> Any:
            if self.errors:
                raise self.errors.pop()
            return super().do_read()

    server = Server(("127.0.0.1", 0), echo)
    server.errors = [OSError(errno.EMFILE, "too many"), OSError(errno.ENOMEM, "too little")]
    with started(server):
        assert ask(server) == b"question"
        assert server.delay == server.min_delay
        printed = capsys.readouterr().err
        assert "too many" in printed
        assert "too little" in printed
        server.errors = [OSError(errno.EBADF, "closed elsewhere")]
        with pytest.raises(ConnectionError):
            ask(server)
        assert server.closed
    assert f"ERROR: {server} failed with [Errno {errno.EBADF}] closed elsewhere" in capsys.readouterr().err


def test_an_error_of_a_handler_is_reported_and_the_server_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    def handle(sock: Any, address: Any) -> None:
        if sock.recv(1) == b"f":
            raise ZeroDivisionError("on purpose")
        sock.send(b"answer")

    with started(StreamServer(("127.0.0.1", 0), handle)) as server:
        assert ask(server, b"f") == b""
        assert ask(server, b"g") == b"answer"
    assert "ZeroDivisionError: on purpose" in capsys.readouterr().err


def test_a_subclass_without_do_read(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TypeError, match="BaseServer has no handle"):
        BaseServer(("127.0.0.1", 0))
    with pytest.raises(NotImplementedError, match="BaseServer has no do_read"):
        BaseServer(("127.0.0.1", 0), echo).do_read()
    with pytest.raises(ValueError, match="max_accept must be at least 1, not 0"):
        type("Server", (StreamServer,), {"max_accept": 0})(("127.0.0.1", 0), echo)


def test_the_repr_names_the_address_and_the_handler() -> None:
    with started(StreamServer(("127.0.0.1", 0), echo)) as server:
        fileno, port = server.socket.fileno(), server.server_port
        assert str(server) == f"<StreamServer fileno={fileno} address=127.0.0.1:{port} handle={echo!r}>"
        assert repr(server).startswith(f"<StreamServer at {id(server):#x} fileno={fileno} ")

    class Server(StreamServer):
        def handle(self, sock: Any, address: Any) -> None: ...

    own = Server(("127.0.0.1", 0))
    own.set_handle(own.handle)
    assert "handle=<bound method Server.handle of self>" in repr(own)


# -- TLS


def standard_context() -> stdlib_ssl.SSLContext:
    context = stdlib_ssl.SSLContext(stdlib_ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def green_context() -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def over_tls(server: Any, **options: Any) -> bytes:
    context = ssl.create_default_context(cafile=CERTIFICATE)
    if options:
        context.load_cert_chain(**options)
    plain = socket.create_connection(("127.0.0.1", server.server_port), 30)
    with context.wrap_socket(plain, server_hostname="localhost") as sock:
        sock.sendall(b"question")
        return sock.recv(100)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "arguments",
    [
        lambda: {"certfile": str(CERTIFICATE)},
        lambda: {"keyfile": str(CERTIFICATE), "certfile": str(CERTIFICATE), "ciphers": "HIGH"},
        lambda: {"ssl_context": standard_context()},
        lambda: {"ssl_context": green_context(), "suppress_ragged_eofs": False},
        lambda: {"certfile": CERTIFICATE, "ssl_version": ssl.PROTOCOL_TLS_SERVER, "cert_reqs": ssl.CERT_NONE},
    ],
    ids=["certfile", "keyfile", "standard context", "green context", "ssl_version"],
)
def test_the_arguments_for_tls(arguments: Any) -> None:
    server = StreamServer(("127.0.0.1", 0), echo, **arguments())
    assert server.ssl_enabled
    with started(server):
        # A client that sends no TLS does not stop the others.
        with suppress(ConnectionError):
            assert b"question" not in ask(server)
        assert over_tls(server) == b"question"
        assert server._rejected == {"TLS handshake failed": 1}


def test_the_client_needs_a_certificate() -> None:
    arguments = {"certfile": CERTIFICATE, "cert_reqs": ssl.CERT_REQUIRED, "ca_certs": CERTIFICATE}
    with started(StreamServer(("127.0.0.1", 0), echo, **arguments)) as server:
        with pytest.raises(OSError):
            over_tls(server)
        assert over_tls(server, certfile=CERTIFICATE) == b"question"


def test_a_program_replaces_wrap_socket() -> None:
    calls: list[Any] = []

    class Server(StreamServer):
        def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> Any:
            calls.append(address)
            return super().wrap_socket_and_handle(client_socket, address)

    def wrap(sock: Any, **options: Any) -> Any:
        calls.append(options)
        return sock

    with started(Server(("127.0.0.1", 0), echo, certfile=CERTIFICATE)) as server:
        server.wrap_socket = wrap
        assert ask(server) == b"question"
    assert calls[0][0] == "127.0.0.1"
    assert calls[1:] == [{"server_side": True}]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"certifile": "x"}, "the server has no argument certifile"),
        ({"keyfile": "x"}, "keyfile is given without certfile; give both"),
        ({"ssl_context": None, "certfile": "x"}, "certfile can't be used beside ssl_context"),
    ],
)
def test_wrong_arguments_for_tls(arguments: Any, error: str) -> None:
    with pytest.raises(TypeError, match=error):
        StreamServer(("127.0.0.1", 0), echo, **arguments)


# -- Datagrams


def test_datagrams() -> None:
    class Server(DatagramServer):
        def handle(self, data: bytes, address: Any) -> None:
            self.sendto(data[::-1], address)

    with started(Server(("127.0.0.1", 0))) as server:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(30)
            sock.sendto(b"abc", server.address)
            assert sock.recv(100) == b"cba"
            sock.sendto(b"a" * 20_000, server.address)
            assert len(sock.recv(65535)) == 20_000
