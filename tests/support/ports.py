"""Ports for servers that need to know theirs before they start."""

import contextlib
import random
import socket

__all__ = ["free_ports"]


def free_ports(count: int, kind: int = socket.SOCK_STREAM) -> list[int]:
    """Return different free ports of 127.0.0.1 that the kernel does not assign by itself.

    So a client that retries until a server listens there is not assigned the port, and does not connect to itself.
    """
    ports: set[int] = set()
    while len(ports) < count:
        port = random.randrange(20_000, 30_000)
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind) as sock:
            sock.bind(("127.0.0.1", port))
            ports.add(port)
    return list(ports)
