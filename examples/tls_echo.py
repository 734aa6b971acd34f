"""An echo server over TLS that loads a new certificate without a restart.

python examples/tls_echo.py --port 7000 server.pem
openssl s_client -quiet -connect 127.0.0.1:7000
kill -HUP PID        # after the file was renewed
"""

import argparse
import signal
from typing import Any

import greenrt
from greenrt.serve import StreamServer

IDLE = 60.0  # seconds without a message
HANDSHAKE = 5.0  # seconds
GRACE = 1.0  # seconds for open connections after Ctrl-C


def echo(connection: Any, address: tuple[str, int]) -> None:
    """Send back all received bytes; the handshake is complete."""
    print(f"{address[0]}:{address[1]}: {connection.version()}, {connection.cipher()[0]}", flush=True)
    try:
        while data := connection.recv(65536):
            connection.sendall(data)
    except ConnectionError as error:  # the client left
        print(f"{address[0]}:{address[1]}: {error}", flush=True)


def renew(server: StreamServer) -> None:
    """Read the certificate again; open connections keep the old one."""
    try:
        server.reload_certificate()
        print("a new certificate", flush=True)
    except OSError as error:
        print(f"the old certificate stays: {error}", flush=True)


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Send back all received bytes, over TLS.")
    parser.add_argument("certificate", help="a PEM file with the certificate chain and the key")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    options = parser.parse_args()

    server = StreamServer(
        ("127.0.0.1", options.port),
        echo,
        certfile=options.certificate,
        handshake_timeout=HANDSHAKE,
        idle_timeout=IDLE,
        max_per_peer=100,
    )
    signals: greenrt.Queue = greenrt.Queue()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: signals.put(number))

    server.start()
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    while signals.get() == signal.SIGHUP:
        renew(server)
    print("stopping", flush=True)
    server.stop(GRACE)


if __name__ == "__main__":
    main()
