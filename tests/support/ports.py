"""Ports for servers that must be told theirs before they start."""

import contextlib
import random
import socket

__all__ = ["free_ports"]


def free_ports(count: int, kind: int = socket.SOCK_STREAM) -> list[int]:
    """Return different ports of 127.0.0.1 that nobody has, and that no socket is given by itself.

    A client that asks until somebody listens there can't be given the port, and so connect to itself.
    """
    ports: set[int] = set()
    while len(ports) < count:
        port = random.randrange(20_000, 30_000)
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind) as sock:
            sock.bind(("127.0.0.1", port))
            ports.add(port)
    return list(ports)
