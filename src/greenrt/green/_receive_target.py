"""Reads of stream sockets that return only when a target is reached: with MSG_WAITALL, and for SO_RCVLOWAT.

The target is the number of bytes that a blocking read waits for: with MSG_WAITALL the whole requested size, otherwise
at most SO_RCVLOWAT. The end of the stream, an error, urgent data, a message with file descriptors, or the time limit
of SO_RCVTIMEO end such a read earlier. Datagrams have no target. A read of a socket with a
timeout has none either, but poll(2) waits for SO_RCVLOWAT there.

The functions of this module are the receiving calls for reads with a target. Each receives pieces by recvmsg(2),
which reports file descriptors. After the first piece, it reads only if data is available: the read would clear an
error that belongs to the caller's next read.

Sources: recv(2), socket(7), unix(7), tcp_recvmsg_locked and unix_stream_read_generic in Linux's net/.
"""

import _socket
import os
import struct
from collections.abc import Callable
from errno import EAGAIN, EBADF

from greenrt import _original
from greenrt._events import READ, URGENT
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import park_on_fds, poll_fd, yield_if_due
from greenrt._hub.sleep import sleep
from greenrt._native.sockio import WOULD_BLOCK, attempt, descriptor, timeout_of
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.green._fds import POLLIN, POLLPRI, POLLRDHUP
from greenrt.green._polling import growing_pauses
from greenrt.green._socket_options import low_mark, special, time_limit
from greenrt.green._socket_waits import DONTWAIT, NEVER_WAIT_TO_READ, family_of, type_of, wait_for

__all__ = ["prepare", "recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into"]

_native = _socket.socket
_WAITALL: int = _socket.MSG_WAITALL
_INTERNET = (_socket.AF_INET, _socket.AF_INET6)
_UNIX: int = getattr(_socket, "AF_UNIX", -1)
_PASS_CREDENTIALS: int = getattr(_socket, "SO_PASSCRED", -1)
# The space for the ancillary data that a UNIX socket with SO_PASSCRED always receives; a struct ucred.
_ROOM_FOR_CREDENTIALS = _socket.CMSG_SPACE(12)
# From Linux's asm-generic/sockios.h.
_SIOCATMARK = 0x8905
_INT = struct.Struct("@i")

# The result of recvmsg and recvmsg_into: data or its length, ancillary data, flags, address.
Piece = tuple[Any, list[Any], int, Any]


# -- The target


def prepare(sock: Any, size: Any, flags: Any) -> int:
    """Return the target of a read of `size` bytes; 0 if the ordinary call behaves like the kernel's.

    It may wait before an ordinary call, until that call finds what a blocking one would wait for.
    """
    if type_of(sock) & 0xF != _socket.SOCK_STREAM or not isinstance(size, int) or not isinstance(flags, int):
        return 0
    limit = timeout_of(sock)
    fd = descriptor(sock)
    if limit == 0.0 or fd < 0 or size <= 0:
        return 0
    if limit > 0.0:
        if fd in special and low_mark(sock) > 1:
            _wait_for_low_mark(sock)
        return 0
    if flags & NEVER_WAIT_TO_READ:
        return 0
    target = size if flags & _WAITALL else min(low_mark(sock), size)
    if target <= 1:
        return 0
    if flags & _socket.MSG_PEEK:
        # Sockets of other families return the first piece.
        if family_of(sock) in _INTERNET:
            _wait_for_amount(sock, target)
        return 0
    return target


def _wait_for_low_mark(sock: Any) -> None:
    """Wait as CPython does before it reads a socket with a timeout: until poll(2) finds the socket readable."""
    deadline = 0.0
    while not poll_fd(descriptor(sock), POLLIN):
        deadline = wait_for(sock, READ, deadline, 0)


def _wait_for_amount(sock: Any, target: int) -> None:
    """Wait until `target` bytes are available, or no more can follow. Raise BlockingIOError after SO_RCVTIMEO."""
    deadline = 0.0
    before = -1
    pauses = growing_pauses()
    while (amount := _amount(sock)) < target and not _has_ended(sock, amount):
        if amount == before:
            # Woken up for data that was there before. Without a pause, this loop would use all of the processor.
            sleep(next(pauses))
        before = amount
        try:
            deadline = wait_for(sock, READ, deadline, 0)
        except BlockingIOError:
            if not _amount(sock):
                raise
            return


def _has_ended(sock: Any, amount: int) -> bool:
    """Return whether nothing follows the `amount` available bytes: there is an end, an error or urgent data."""
    found = poll_fd(descriptor(sock), POLLIN | POLLPRI | POLLRDHUP)
    return bool(found & ~POLLIN) and _amount(sock) == amount


def _open_descriptor(sock: Any) -> int:
    """Return the file descriptor. Raise OSError (EBADF) if the socket has been closed since the read began."""
    fd = descriptor(sock)
    if fd < 0:
        raise OSError(EBADF, f"{sock!r} was closed while a greenlet read it")
    return fd


def _amount(sock: Any) -> int:
    """Return how many bytes are available, up to urgent data; -1 if this kind of socket does not report it."""
    fd = _open_descriptor(sock)
    try:
        answer = _original.late_module("fcntl").ioctl(fd, _original.late_module("termios").FIONREAD, bytes(4))
    except OSError:
        return -1
    return _INT.unpack(answer)[0]  # type: ignore[no-any-return]


# -- Reading up to the target


def _read(
    sock: Any, method: Any, arguments: Callable[[int], tuple[Any, ...]], target: int, flags: int
) -> list[Piece]:
    """Return the pieces of a read: the results of ``method(sock, *arguments(number of bytes received before))``."""
    pieces: list[Piece] = []
    received = 0
    deadline = 0.0
    yield_if_due()
    while True:
        try:
            piece = attempt(sock, method, arguments(received))
        except OSError:
            if not received:
                raise
            break
        if piece is WOULD_BLOCK:
            try:
                deadline = wait_for(sock, READ, deadline, flags)
            except BlockingIOError:
                if not received:
                    raise
                break
            continue
        pieces.append(piece)
        count = piece[0] if isinstance(piece[0], int) else len(piece[0])
        received += count
        if not count or received >= target or _ends_read(sock, piece):
            break
        try:
            deadline, goes_on = _wait_for_more(sock, deadline)
        except BlockingIOError:
            break
        if not goes_on:
            break
    return pieces


def _ends_read(sock: Any, piece: Piece) -> bool:
    """Return whether a piece has file descriptors, which end the kernel's read."""
    _, ancillary, flags, _ = piece
    return family_of(sock) == _UNIX and (
        bool(flags & _socket.MSG_CTRUNC)
        or any(message[:2] == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS) for message in ancillary)
    )


def _wait_for_more(sock: Any, deadline: float) -> tuple[float, bool]:
    """Wait for more data. Return the deadline, and whether the read continues."""
    while not _at_urgent_data(sock):
        amount = _amount(sock)
        if amount > 0:
            return deadline, True
        if amount == 0 and poll_fd(descriptor(sock), POLLIN):
            # An end or an error, unless data has arrived since.
            return deadline, _amount(sock) > 0
        deadline = _wait_for_event(sock, deadline)
        if amount < 0:
            return deadline, True
    return deadline, False


def _wait_for_event(sock: Any, deadline: float) -> float:
    """Wait for data or urgent data. Otherwise the same as `wait_for`, for a socket without a timeout."""
    fd = descriptor(sock)
    if deadline == 0.0:
        limit = time_limit(sock, READ) if fd in special else -1.0
        deadline = -1.0 if limit < 0.0 else monotonic() + limit
    left = None if deadline < 0.0 else deadline - monotonic()
    if left is not None and left <= 0.0:
        raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))
    park_on_fds({fd: READ | URGENT}, left)
    return deadline


def _at_urgent_data(sock: Any) -> bool:
    """Return whether the next byte to read is urgent data, or the first one after it."""
    fd = _open_descriptor(sock)
    try:
        return any(_original.late_module("fcntl").ioctl(fd, _SIOCATMARK, bytes(4)))
    except OSError:
        return False


def _receive(sock: Any, size: int, room: int, flags: int, target: int) -> Piece:
    """Receive bytes, with `room` bytes for ancillary data."""
    space = _space(sock, room)
    pieces = _read(
        sock, _native.recvmsg, lambda received: (size - received, space, flags | DONTWAIT), target, flags
    )
    return _without_credentials((b"".join([piece[0] for piece in pieces]), *_last(pieces)), room, space)


def _receive_into(sock: Any, buffers: list[Any], room: int, flags: int, target: int) -> Piece:
    """Receive into `buffers`, with `room` bytes for ancillary data."""
    space = _space(sock, room)

    def arguments(received: int) -> tuple[Any, ...]:
        return _after(buffers, received) if received else buffers, space, flags | DONTWAIT

    pieces = _read(sock, _native.recvmsg_into, arguments, target, flags)
    return _without_credentials((sum(piece[0] for piece in pieces), *_last(pieces)), room, space)


def _after(buffers: list[Any], received: int) -> list[memoryview]:
    """Return the rest of `buffers` after the first `received` bytes."""
    remaining = []
    for buffer in buffers:
        view = memoryview(buffer).cast("B")
        remaining.append(view[received:])
        received = max(received - len(view), 0)
    return remaining


def _last(pieces: list[Piece]) -> tuple[list[Any], int, Any]:
    # The kernel returns the ancillary data and flags of the last byte, and the address of the first.
    return pieces[-1][1], pieces[-1][2], pieces[0][3]


def _space(sock: Any, room: int) -> int:
    """Return the space for ancillary data with which credentials alone do not cause MSG_CTRUNC."""
    if family_of(sock) == _UNIX and _native.getsockopt(sock, _socket.SOL_SOCKET, _PASS_CREDENTIALS):
        return max(room, _ROOM_FOR_CREDENTIALS)
    return room


def _without_credentials(whole: Piece, room: int, space: int) -> Piece:
    """Return the result that a call with `room` for ancillary data has; the call was made with `space`."""
    if space == room:
        return whole
    return whole[0], [], whole[2] | _socket.MSG_CTRUNC, whole[3]


# -- The calls


def recv(sock: Any, size: int, flags: int, target: int) -> bytes:
    """Receive as `socket.socket.recv`, until `target` is reached."""
    if hub_for_waiting() is None:
        return _native.recv(sock, size, flags)
    return _receive(sock, size, 0, flags, target)[0]  # type: ignore[no-any-return]


def recvfrom(sock: Any, size: int, flags: int, target: int) -> tuple[bytes, Any]:
    """Receive as `socket.socket.recvfrom`, until `target` is reached."""
    if hub_for_waiting() is None:
        return _native.recvfrom(sock, size, flags)
    data, _, _, address = _receive(sock, size, 0, flags, target)
    return data, address


def recvmsg(sock: Any, size: int, room: int, flags: int, target: int) -> Piece:
    """Receive as `socket.socket.recvmsg`, until `target` is reached."""
    if hub_for_waiting() is None:
        return _native.recvmsg(sock, size, room, flags)
    return _receive(sock, size, room, flags, target)


def recv_into(sock: Any, buffer: Any, size: int, flags: int, target: int) -> int:
    """Receive as `socket.socket.recv_into`, until `target` is reached."""
    if hub_for_waiting() is None:
        return _native.recv_into(sock, buffer, size, flags)
    return recvfrom_into(sock, buffer, size, flags, target)[0]


def recvfrom_into(sock: Any, buffer: Any, size: int, flags: int, target: int) -> tuple[int, Any]:
    """Receive as `socket.socket.recvfrom_into`, until `target` is reached."""
    if hub_for_waiting() is None:
        return _native.recvfrom_into(sock, buffer, size, flags)
    # The view prevents other greenlets from resizing the buffer.
    with memoryview(buffer) as whole, whole.cast("B") as view:
        count, _, _, address = _receive_into(sock, [view[:size]], 0, flags, target)
    return count, address


def recvmsg_into(sock: Any, buffers: list[Any], room: int, flags: int, target: int) -> Piece:
    """Receive as `socket.socket.recvmsg_into`, until `target` is reached."""
    if hub_for_waiting() is None:
        return _native.recvmsg_into(sock, buffers, room, flags)
    return _receive_into(sock, buffers, room, flags, target)
