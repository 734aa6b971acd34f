"""Run a server of a runtime: ``python -m benchmarks.servers.server RIVAL KIND CORE`` prints its port.

CORE is the CPU of the process, or -1 for any.
"""

import os
import ssl
import sys
from pathlib import Path
from typing import Any

CERTIFICATE = Path(__file__).with_name("localhost.pem")


def answer(sock: Any, address: Any) -> None:
    """Send back the first bytes received; then the server closes the connection."""
    sock.sendall(sock.recv(1000))


def answer_datagrams(runner: str) -> None:
    """Serve datagrams with a Protocol on a loop of asyncio's or uvloop's."""
    import asyncio

    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            print(transport.get_extra_info("sockname")[1], flush=True)

        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.transport.sendto(data, addr)

    async def serve() -> None:
        await asyncio.get_running_loop().create_datagram_endpoint(Echo, ("127.0.0.1", 0))
        await asyncio.Event().wait()

    run: Any = asyncio.run
    if runner == "uvloop":
        from uvloop import run
    run(serve())


def main() -> None:
    rival, kind, core = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if core >= 0:
        os.sched_setaffinity(0, {core})
    if rival.endswith(" Protocol"):
        answer_datagrams(rival.partition(" ")[0])
        return
    servers: Any
    if rival == "gevent":
        import gevent.server as servers
        from gevent.ssl import SSLContext
    else:
        from greenrt import serve as servers
        from greenrt.green.ssl import SSLContext
    server: Any
    if kind == "datagrams":
        server = servers.DatagramServer(
            ("127.0.0.1", 0), lambda data, address: server.socket.sendto(data, address)
        )
    else:
        options = {}
        if kind == "handshakes":
            context = SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            options["ssl_context"] = context
        server = servers.StreamServer(("127.0.0.1", 0), answer, backlog=1024, **options)
    server.start()
    print(server.socket.getsockname()[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
