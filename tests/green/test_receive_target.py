"""MSG_WAITALL and SO_RCVLOWAT: each read returns when the kernel's blocking read does, and with the same result.

The table is receiving call x flags x kind of socket x way in which the data arrives. A read starts before the first
piece arrives, and nothing arrives after the piece that ends it: after each piece, the peer waits until the read has
ended or waits again. On a busy machine, the kernel may deliver a piece after the pause. Then the peer goes on, as if
the read waited for more. So tables that differ are computed again with longer pauses.
"""

import array
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from support.sides import Green, Side, Stdlib, attempt

# Seconds between two pieces.
PAUSES = (0.02, 0.2, 1)
SIZE = 6


def recv(sock: Any, flags: int) -> Any:
    return sock.recv(SIZE, flags)


def recv_into(sock: Any, flags: int) -> Any:
    buffer = bytearray(9)
    return sock.recv_into(buffer, SIZE, flags), bytes(buffer)


def recvfrom(sock: Any, flags: int) -> Any:
    return sock.recvfrom(SIZE, flags)


def recvfrom_into(sock: Any, flags: int) -> Any:
    buffer = array.array("H", bytes(8))
    return sock.recvfrom_into(buffer, SIZE, flags), bytes(buffer)


def recvmsg(sock: Any, flags: int) -> Any:
    data, ancillary, about, address = sock.recvmsg(SIZE, 64, flags)
    return data, _counted(ancillary), about, address


def recvmsg_without_room(sock: Any, flags: int) -> Any:
    return sock.recvmsg(SIZE, 0, flags)


def recvmsg_into(sock: Any, flags: int) -> Any:
    buffers = [bytearray(1), bytearray(3), bytearray(2)]
    count, ancillary, about, address = sock.recvmsg_into(buffers, 64, flags)
    return count, buffers, _counted(ancillary), about, address


def _counted(ancillary: list[Any]) -> list[Any]:
    found = []
    for level, kind, data in ancillary:
        if kind == socket.SCM_RIGHTS:
            fds = array.array("i", data[: len(data) - len(data) % 4])
            for fd in fds:
                os.close(fd)
            found.append((level, "file descriptors", len(fds)))
        else:
            found.append((level, kind, len(data)))
    return found


CALLS = [recv, recv_into, recvfrom, recvfrom_into, recvmsg, recvmsg_without_room, recvmsg_into]

WAITALL = socket.MSG_WAITALL
PEEK = socket.MSG_PEEK
# Flags, and the low-water mark of the socket.
MODES: dict[str, tuple[int, int]] = {
    "plain": (0, 1),
    "waitall": (WAITALL, 1),
    "waitall-peek": (WAITALL | PEEK, 1),
    "waitall-low": (WAITALL, 3),
    "low": (0, 3),
    "low-peek": (PEEK, 3),
    "low-above-size": (0, 100),
}


def tcp(side: Side) -> tuple[Any, Any]:
    return side.pair()


def unix_stream(side: Side) -> tuple[Any, Any]:
    return side.socket.socketpair()


def with_credentials(side: Side) -> tuple[Any, Any]:
    near, far = side.socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return near, far


def unix_datagrams(side: Side) -> tuple[Any, Any]:
    return side.socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)


def packets(side: Side) -> tuple[Any, Any]:
    return side.socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


KINDS = [tcp, unix_stream, with_credentials, unix_datagrams, packets]

Step = Callable[[Any], object]


def piece(data: bytes) -> Step:
    return lambda peer: peer.send(data)


def with_fds(peer: Any) -> object:
    return peer.sendmsg([b"F"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1]))])


def urgent(peer: Any) -> object:
    return peer.send(b"!", socket.MSG_OOB)


def end(peer: Any) -> object:
    return peer.shutdown(socket.SHUT_WR)


def reset(peer: Any) -> object:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return peer.close()


A, B, C = piece(b"ab"), piece(b"cd"), piece(b"ef")
WAYS: dict[str, list[Step]] = {
    "one piece": [piece(b"abcdef")],
    "three pieces": [A, B, C],
    "pieces and the end": [A, end],
    "the end": [end],
    "pieces and a reset": [A, B, reset],
    "a close with data unread": [piece(b"ab"), lambda peer: peer.close()],
    "file descriptors first": [with_fds, B],
    "file descriptors in between": [A, with_fds, C],
    "urgent data": [A, urgent, B, end],
}


# Only some kinds of sockets support these ways. Datagrams have no end.
DATAGRAMS = {"one piece", "three pieces", "file descriptors first"}
UNIX_ONLY = {"file descriptors first", "file descriptors in between"}
STREAMS_ONLY = {"urgent data"}
TCP_ONLY = {"pieces and a reset"}


def known(kind: Any, way: str) -> bool:
    if kind is unix_datagrams:
        return way in DATAGRAMS
    unix = kind is not tcp
    stream = kind in (tcp, unix_stream, with_credentials)
    return not (
        (way in UNIX_ONLY and not unix) or (way in STREAMS_ONLY and not stream) or (way in TCP_ONLY and unix)
    )


def outcome(
    side: Side, call: Callable[..., Any], mode: str, kind: Any, steps: list[Step], pause: float
) -> Any:
    """Return the result of a waiting read, and that of the next read."""
    flags, low = MODES[mode]
    sock, peer = kind(side)
    with sock, peer:
        if low != 1:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, low)
        task = side.spawn(attempt, call, sock, flags)
        for step in steps:
            side.sleep(pause)
            side.until_waiting(task)
            if task.outcome is not None:
                break
            attempt(step, peer)
        side.sleep(pause)
        side.until_waiting(task)
        if task.outcome is None:
            # The read waits for more.
            peer.close()
        first = task.result()
        return first, attempt(sock.recv, 1, socket.MSG_DONTWAIT)


def table(side: Side, kind: Any, way: str, pause: float) -> dict[str, Any]:
    tasks = {}
    for mode in MODES:
        if mode == "low-above-size" and way == "urgent data":
            # In these cases, urgent data wakes up the kernel's own reads, but not epoll(7).
            continue
        for call in CALLS:
            tasks[f"{call.__name__} {mode}"] = side.spawn(outcome, side, call, mode, kind, WAYS[way], pause)
    return {name: task.result() for name, task in tasks.items()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_reads_end_when_the_kernels_do(kind: Any, way: str) -> None:
    if not known(kind, way):
        return
    for pause in PAUSES:
        green, standard = (table(side, kind, way, pause) for side in (Green(), Stdlib()))
        if green == standard:
            break
    assert green == standard
