"""A socket that moves from the loop of one thread to that of another."""

import re
import threading
from typing import Any

import greenrt
from greenrt._hub.hub import Hub
from greenrt.green import socket


def watched(hub: Hub) -> set[int]:
    """Return the fds that the kernel watches for the loop of a hub."""
    if hub.loop.backend != "epoll":
        return {entry.fd for entry in hub.loop.fds.all_entries()}
    with open(f"/proc/self/fdinfo/{hub.loop.fileno()}") as file:
        return {int(fd) for fd in re.findall(r"tfd:\s+(\d+)", file.read())}


def test_an_accepted_socket_is_handed_over(hub: greenrt.Hub) -> None:
    """The old loop has forgotten the socket, after any number of reads and writes there; the new one serves it."""
    outcome: dict[str, Any] = {}
    ready, done = greenrt.Event(), greenrt.Event()

    def serve(fd: int) -> None:
        with socket.socket(fileno=fd) as connection:
            outcome["data"] = connection.recv(10)
            outcome["watched"] = fd in watched(greenrt.get_hub())
            connection.sendall(b"pong")
        done.set()

    def other() -> None:
        outcome["proxy"] = greenrt.get_hub().loop.proxy()
        ready.set()
        assert done.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    ready.wait()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = greenrt.spawn(listener.accept)
        client = socket.create_connection(listener.getsockname())
        connection, _ = accepting.get()
        # This thread has waited for it, for reading.
        receiving = greenrt.spawn(connection.recv, 10)
        greenrt.sleep(0.01)
        client.sendall(b"hello")
        assert receiving.get(timeout=10) == b"hello"
        assert connection.fileno() in watched(hub)
        fd = connection.detach()
        assert fd not in watched(hub)
        outcome["proxy"].post(greenrt.spawn, serve, fd)
        greenrt.sleep(0.01)
        client.sendall(b"ping")
        assert client.recv(10) == b"pong"
        assert client.recv(10) == b""
        client.close()
    thread.join()
    assert (outcome["data"], outcome["watched"]) == (b"ping", True)


def test_a_waiter_is_told_when_its_socket_goes_elsewhere(hub: greenrt.Hub) -> None:
    near, far = socket.socketpair()
    receiving = greenrt.spawn(near.recv, 10)
    greenrt.sleep(0.01)
    fd = near.detach()
    receiving.join(timeout=10)
    assert isinstance(receiving.exception, OSError)
    assert fd not in watched(hub)
    socket.socket(fileno=fd).close()
    far.close()
