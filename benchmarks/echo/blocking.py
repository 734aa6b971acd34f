"""An echo server in blocking style that knows no runtime: it uses the sockets and threads that it is given."""

import socket as stdlib_socket
import threading
from collections.abc import Callable
from typing import Any, NoReturn

BUFFER = 65536


def echo(connection: stdlib_socket.socket) -> None:
    """Send back all received bytes until the client leaves."""
    with connection:
        try:
            connection.setsockopt(stdlib_socket.IPPROTO_TCP, stdlib_socket.TCP_NODELAY, 1)
            while data := connection.recv(BUFFER):
                connection.sendall(data)
        except ConnectionError:
            pass  # the load generator ends with messages in flight


def start_thread(function: Callable[..., None], *args: Any) -> None:
    """Run a function in a thread of the ``threading`` module, patched or not."""
    threading.Thread(target=function, args=args, daemon=True).start()


def serve(
    announce: Callable[[int], None], socket: Any = stdlib_socket, spawn: Callable[..., Any] = start_thread
) -> NoReturn:
    """Accept forever, with a thread or greenlet for each connection; ``announce`` gets the port."""
    # socket.create_server would be simpler, but eventlet's module has none.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    announce(listener.getsockname()[1])
    while True:
        connection, _ = listener.accept()
        spawn(echo, connection)
