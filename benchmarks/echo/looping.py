"""An echo server on asyncio, with streams and with a bare Protocol, for any event loop with that interface."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

BUFFER = 65536


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back all received bytes, as in asyncio's documentation."""
    try:
        while data := await reader.read(BUFFER):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # the load generator ends with messages in flight
    finally:
        writer.close()


class Echo(asyncio.Protocol):
    """The least work of an event loop for a message: no task, no buffer, no waiting."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def _listener() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setblocking(False)
    return listener


async def serve_streams(announce: Callable[[int], None]) -> None:
    """Serve with ``asyncio.start_server``; ``announce`` gets the port."""
    listener = _listener()
    server = await asyncio.start_server(echo, sock=listener)
    announce(listener.getsockname()[1])
    await server.serve_forever()


async def serve_protocol(announce: Callable[[int], None]) -> None:
    """Serve with ``loop.create_server``; ``announce`` gets the port."""
    listener = _listener()
    server = await asyncio.get_running_loop().create_server(Echo, sock=listener)
    announce(listener.getsockname()[1])
    await server.serve_forever()
