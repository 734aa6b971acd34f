"""A TCP port forwarder: two greenlets for each connection, one for each direction.

It connects each client of the port to the target:

    python examples/port_forwarder.py --port 8080 example.com:80
"""

import argparse
import signal
from functools import partial

import greenrt
from greenrt.green import socket
from greenrt.serve import StreamServer

CHUNK = 65536
CONNECT_TIMEOUT = 10.0  # seconds
GRACE = 1.0  # seconds for open connections after Ctrl-C

Address = tuple[str, int]


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy bytes until the source ends, then end the sink's side; the other direction may continue."""
    try:
        while data := source.recv(CHUNK):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # One peer has left, so neither direction can continue. Shutting down both sockets ends the other pump, which
        # may be waiting for a silent peer.
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the connection has ended already


def forward(target: Address, client: socket.socket, address: Address) -> None:
    """Connect to the target and copy in both directions until both sides have ended."""
    try:
        upstream = socket.create_connection(target, CONNECT_TIMEOUT)
    except OSError as error:
        print(f"{address[0]}:{address[1]}: no connection to {target[0]}:{target[1]}: {error}", flush=True)
        return
    with upstream:
        upstream.settimeout(None)  # the timeout was for connecting; an idle connection may stay open
        pumps = [greenrt.spawn(pump, client, upstream), greenrt.spawn(pump, upstream, client)]
        try:
            greenrt.joinall(pumps)
        finally:
            greenrt.killall(pumps)  # when the server stops and kills this greenlet


def host_and_port(text: str) -> Address:
    """Parse HOST:PORT."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host, int(port)


def main() -> None:
    """Forward until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Forward each connection to another address.")
    parser.add_argument("target", type=host_and_port, metavar="HOST:PORT")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    options = parser.parse_args()

    server = StreamServer((options.host, options.port), partial(forward, options.target), spawn=10000)
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
