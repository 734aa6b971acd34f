"""A local HTTP server that answers each request after a delay; the other side of the demo.

    python examples/slow_server.py --port 8000 --delay 0.2

It holds thousands of connections in one thread at little cost, so that the client is the measured part. It uses only
the standard library, so it runs the same for every client.
"""

import argparse
import asyncio
import resource
import signal
import sys

BACKLOG = 4096  # connections that the kernel queues while thousands of clients connect at once
MAX_HEAD = 65536


class SlowHttp(asyncio.Protocol):
    """One connection: it reads request heads and answers each one after the delay, in order."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.buffer = bytearray()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        # Equal delays keep their order in the loop's timers, so pipelined requests are answered in order too.
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end])
            del self.buffer[: end + 4]
            asyncio.get_running_loop().call_later(self.delay, self.answer, head)
        if len(self.buffer) > MAX_HEAD and self.transport is not None:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None

    def answer(self, head: bytes) -> None:
        """Send the response to one request, unless the client has left."""
        if self.transport is None or self.transport.is_closing():
            return
        request_line, _, headers = head.partition(b"\r\n")
        words = request_line.split(b" ")
        keep = words[-1] == b"HTTP/1.1" and b"connection: close" not in headers.lower()
        if len(words) == 3 and words[0] == b"GET":
            status, body = b"200 OK", b"page " + words[1] + b"\n"
        else:
            status, body, keep = b"400 Bad Request", b"only GET is served here\n", False
        self.transport.write(
            b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s"
            % (status, len(body), b"keep-alive" if keep else b"close", body)
        )
        if not keep:
            self.transport.close()


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGINT, SIGTERM or, if requested, the end of stdin."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if options.until_stdin_ends:
        # The parent holds the other end of this pipe, which closes when the parent ends in any way.
        loop.add_reader(sys.stdin.fileno(), stop.set)
    server = await loop.create_server(
        lambda: SlowHttp(options.delay), options.host, options.port, backlog=BACKLOG
    )
    host, port = server.sockets[0].getsockname()[:2]
    print(f"listening on http://{host}:{port}", flush=True)
    await stop.wait()
    server.close()


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description="Answer each HTTP request after a delay.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    parser.add_argument("--delay", type=float, default=0.2, help="seconds before each answer (default: 0.2)")
    parser.add_argument("--until-stdin-ends", action="store_true", help="stop when stdin is closed")
    options = parser.parse_args()
    # Each connection needs a descriptor: the usual soft limit of 1024 is too low for thousands.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
