"""The echo server over TLS from the view of its clients."""

import shutil
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from example_child import connect, example, receive
from support.tls import CERTIFICATE


@contextmanager
def secured(port: int) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=CERTIFICATE)
    with connect(port) as plain, context.wrap_socket(plain, server_hostname="localhost") as client:
        yield client


def is_echoed(client: ssl.SSLSocket) -> bool:
    client.sendall(b"x" * 100_000)
    return receive(client, 100_000) == b"x" * 100_000


def test_echo_and_a_new_certificate(tmp_path: Path) -> None:
    path = tmp_path / "server.pem"
    shutil.copy(CERTIFICATE, path)
    with example("tls_echo.py", path) as server:
        with secured(server.port()) as client:
            assert is_echoed(client)
            server.wait_for("TLSv1.3")
            path.write_text("half a file")
            server.signal(signal.SIGHUP)
            server.wait_for("the old certificate stays")
            shutil.copy(CERTIFICATE, path)
            server.signal(signal.SIGHUP)
            server.wait_for("a new certificate")
            assert is_echoed(client)
            with secured(server.port()) as other:
                assert is_echoed(other)
        server.press_ctrl_c()
        server.check_clean_end()
