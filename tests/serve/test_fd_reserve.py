"""Connections leave descriptors to the application, however many clients there are."""

import socket
import subprocess
import sys
import textwrap
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.child import environment

MOST = 64
SERVER = """
    import resource, sys
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    import greenrt
    from greenrt.serve import StreamServer, WSGIServer

    def app(environ, start_response):
        files = [open("/dev/null") for _ in range(8)]
        for file in files:
            file.close()
        start_response("200 OK", [("Content-Length", "4")])
        return [b"fine"]

    def handle(sock, address):
        while sock.recv(1000):
            files = [open("/dev/null") for _ in range(8)]
            for file in files:
                file.close()
            sock.sendall(b"fine")

    # Two servers share the descriptors of the process.
    kind, handler = {"wsgi": (WSGIServer, app), "stream": (StreamServer, handle)}[sys.argv[1]]
    servers = [kind(("127.0.0.1", 0), handler) for _ in range(2)]
    for server in servers:
        server.start()
    print(*(server.server_port for server in servers), flush=True)
    servers[0].serve_forever()
    """


@pytest.mark.parametrize("kind", ["wsgi", "stream"])
def test_an_application_opens_files_whatever_clients_there_are(kind: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SERVER), kind],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(),
        )
    assert process.stdout is not None
    try:
        with ExitStack() as stack:
            ports = [int(port) for port in process.stdout.readline().split()]

            def connect(port: int) -> socket.socket:
                return stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))

            first = [connect(port) for port in ports]
            for sock in first:
                assert ask(sock)
            idle = [connect(port) for port in ports * MOST]
            for _ in range(3):
                for sock in first:
                    assert ask(sock)
            # Clients that wait get the connections that become free.
            for sock in idle:
                sock.close()
            assert ask(connect(ports[0]))
        # A thread of the server writes it.
        end = time.monotonic() + 20
        while "the rest of RLIMIT_NOFILE is reserved for the application" not in log.read_text():
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        process.kill()
        process.communicate()
    assert "Too many open files" not in log.read_text()


HOLDER = """
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    from greenrt.serve import StreamServer

    files = [open("/dev/null") for _ in range(50)]
    server = StreamServer(("127.0.0.1", 0), lambda sock, address: sock.sendall(sock.recv(1000)))
    server.start()
    print(server.server_port, flush=True)
    server.serve_forever()
    """


def test_a_server_serves_though_the_application_itself_holds_the_reserve() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
    )
    with process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            for _ in range(3):
                with socket.create_connection(("127.0.0.1", port), 30) as sock:
                    sock.sendall(b"fine")
                    assert sock.recv(1000) == b"fine"
        finally:
            process.kill()


def ask(sock: socket.socket) -> bool:
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    received = b""
    while not received.endswith(b"fine"):
        data = sock.recv(1000)
        assert data, received
        received += data
    return True
