"""Limits on clients: connections, handshakes and idle time; and a server without free descriptors."""

import logging
import os
import resource
import shutil
import ssl as stdlib_ssl
import time
from pathlib import Path
from typing import Any

import pytest
from support.tls import CERTIFICATE

import greenrt
from greenrt import _log
from greenrt.green import socket, ssl
from greenrt.serve import StreamServer
from greenrt.serve.stream import peer_of


def echo(sock: Any, address: Any) -> None:
    while data := sock.recv(1000):
        sock.sendall(data)


def connect(server: Any, source: str = "127.0.0.1") -> Any:
    return socket.create_connection(server.address, 30, (source, 0))


def is_served(sock: Any) -> bool:
    try:
        sock.sendall(b"x")
        return bool(sock.recv(1) == b"x")
    except ConnectionError:
        return False


def test_connections_of_one_client() -> None:
    with StreamServer(("127.0.0.1", 0), echo, max_per_peer=2) as server:
        clients = [connect(server) for _ in range(3)]
        assert [is_served(client) for client in clients] == [True, True, False]
        other = connect(server, "127.0.0.2")
        assert is_served(other)
        clients[0].close()
        again = connect(server)
        greenrt.sleep(0.05)
        assert is_served(again)
        for client in (*clients, other, again):
            client.close()


def test_a_client_is_an_address_or_a_network() -> None:
    assert peer_of(("::ffff:10.0.0.1", 5, 0, 0)) == peer_of(("10.0.0.1", 6)) == "10.0.0.1"
    assert peer_of(("2001:db8::1", 5, 0, 0)) == peer_of(("2001:db8::2", 5, 0, 0))
    assert peer_of(("2001:db8::1", 5, 0, 0)) != peer_of(("2001:db8:0:1::1", 5, 0, 0))
    assert peer_of(("fe80::1%lo", 5, 0, 1)) is not None
    assert peer_of("") is None


def test_handshakes_count_among_a_clients_connections() -> None:
    options: dict[str, Any] = {"certfile": CERTIFICATE, "max_per_peer": 1}
    with StreamServer(("127.0.0.1", 0), echo, **options) as server:
        with connect(server):
            greenrt.sleep(0.05)
            with connect(server) as second:
                assert second.recv(1) == b""


@pytest.mark.parametrize("certfile", [None, CERTIFICATE], ids=["plain", "TLS"])
def test_a_client_that_says_nothing_is_closed(
    certfile: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    idle_timeout = 2.0
    with StreamServer(("127.0.0.1", 0), echo, idle_timeout=idle_timeout, certfile=certfile) as server:
        with connect(server) as plain, caplog.at_level(logging.INFO, "greenrt.serve"):
            client = plain
            if certfile is not None:
                context = ssl.create_default_context(cafile=CERTIFICATE)
                client = context.wrap_socket(plain, server_hostname="localhost")
            with client:
                # The timeout begins anew with each request.
                end = time.monotonic() + 1.2 * idle_timeout
                while time.monotonic() < end:
                    greenrt.sleep(0.1)
                    assert is_served(client)
                assert client.recv(1) == b""
    assert "idle" in caplog.text
    assert capsys.readouterr().err == ""


def test_a_client_that_takes_nothing_is_closed() -> None:
    ended = greenrt.Event()

    def flood(sock: Any, address: Any) -> None:
        try:
            while True:
                sock.sendall(b"x" * 100_000)
        finally:
            ended.set()

    with StreamServer(("127.0.0.1", 0), flood, idle_timeout=0.2) as server, connect(server):
        assert ended.wait(30)


def test_a_handshake_that_trickles_is_cut_off() -> None:
    """The timeout is for the whole handshake, not for each of its steps."""
    with StreamServer(("127.0.0.1", 0), echo, certfile=CERTIFICATE, handshake_timeout=0.3) as server:
        outgoing = stdlib_ssl.MemoryBIO()
        context = stdlib_ssl.create_default_context(cafile=CERTIFICATE)
        tls = context.wrap_bio(stdlib_ssl.MemoryBIO(), outgoing, server_hostname="localhost")
        with pytest.raises(stdlib_ssl.SSLWantReadError):
            tls.do_handshake()
        sent = 0
        with connect(server) as sock, greenrt.Timeout(30):
            try:
                for byte in outgoing.read():
                    sock.sendall(bytes([byte]))
                    sent += 1
                    greenrt.sleep(0.05)
            except ConnectionError:
                pass
        assert 2 <= sent < 200


def test_a_certificate_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "certificate.pem"
    shutil.copy(CERTIFICATE, path)
    with StreamServer(("127.0.0.1", 0), echo, certfile=path) as server:
        before = server.ssl_context
        path.write_text("broken")
        with pytest.raises(OSError):
            server.reload_certificate()
        assert server.ssl_context is before
        shutil.copy(CERTIFICATE, path)
        server.reload_certificate()
        assert server.ssl_context is not before
        context = ssl.create_default_context(cafile=CERTIFICATE)
        with context.wrap_socket(connect(server), server_hostname="localhost") as client:
            assert is_served(client)
    with pytest.raises(ValueError, match="load_cert_chain"):
        StreamServer(0, echo).reload_certificate()


def count_refusals(caplog: pytest.LogCaptureFixture) -> int:
    return len([line for line in caplog.messages if "can't accept" in line])


def test_fds_that_run_out_are_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """The server does not spin meanwhile, and serves once descriptors are free."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    server = StreamServer(("127.0.0.1", 0), echo)
    with caplog.at_level(logging.WARNING, "greenrt"), server, socket.socket() as client:
        client.settimeout(30)
        filling: list[int] = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 2, hard))
        try:
            while True:
                filling.append(os.dup(0))
        except OSError:
            pass
        try:
            client.connect(server.address)
            spent = time.process_time()
            began = time.monotonic()
            lasted = 0.0
            while lasted < 1.5 or (count_refusals(caplog) < 3 and lasted < 20):
                greenrt.sleep(0.1)
                lasted = time.monotonic() - began
            spent = time.process_time() - spent
        finally:
            for fd in filling:
                os.close(fd)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert is_served(client)
        assert spent < lasted / 3
        assert _log.flush(10)
    # The pauses between them grow from `min_delay` to `max_delay`.
    assert server.max_delay <= 0.5
    assert 3 <= count_refusals(caplog) <= 10 + 3 * lasted
