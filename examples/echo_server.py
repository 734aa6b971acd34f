"""An echo server: one greenlet for each connection, written as if it were the only one.

Start it, and talk to it from another terminal:

    python examples/echo_server.py --port 7000
    nc 127.0.0.1 7000
"""

import argparse
import signal

import greenrt
from greenrt.green import socket
from greenrt.serve import StreamServer

CHUNK = 65536
GRACE = 1.0  # seconds for open connections after Ctrl-C


def echo(connection: socket.socket, address: tuple[str, int]) -> None:
    """Send back all received bytes until the client ends its side. The server closes the connection afterwards."""
    try:
        while data := connection.recv(CHUNK):
            connection.sendall(data)
    except ConnectionError as error:  # the client left, which needs no traceback
        print(f"{address[0]}:{address[1]}: {error}", flush=True)


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Send back all received bytes.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    parser.add_argument("--connections", type=int, default=10000, help="served at once (default: 10000)")
    options = parser.parse_args()

    server = StreamServer((options.host, options.port), echo, spawn=options.connections)
    # The default handler would raise KeyboardInterrupt in whichever greenlet is running.
    stop = greenrt.Event()
    signal.signal(signal.SIGINT, lambda number, frame: stop.set())

    server.start()
    print(f"listening on {options.host}:{server.server_port}", flush=True)
    stop.wait()
    print("stopping", flush=True)
    server.stop(GRACE)


if __name__ == "__main__":
    main()
