"""The cooperative methods of sockets that receive and send.

They are plain functions: the green socket class has them as methods, and patching sets them on the standard class.
They have no state of their own, so sockets that are older than the patching work. A method tries the system call
without waiting, and parks only if nothing is ready. The file descriptor stays blocking, for children, C libraries and
unpatched code that share it. This module also does what the kernel's blocking calls do besides waiting: send all
data, MSG_WAITALL.

Sources: CPython's socket module and its Modules/socketmodule.c, POSIX, socket(7), unix(7).
"""

import _socket
import errno
import os
from collections.abc import Iterator

from greenrt._events import READ, WRITE
from greenrt._hub.fd_wait import note_short_read, read_would_wait, yield_if_due
from greenrt._hub.sleep import sleep
from greenrt._native.sockio import (
    WOULD_BLOCK,
    attempt,
    descriptor,
    plain_stream,
    receive,
    receive_into,
    timeout_of,
    transmit,
)
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.green import _receive_target, _socket_names, _socket_options
from greenrt.green._polling import growing_pauses
from greenrt.green._socket_waits import DONTWAIT, NEVER_WAIT, family_of, type_of, until_done, wait_for

__all__ = [
    "receive_bytes",
    "recv",
    "recv_into",
    "recvfrom",
    "recvfrom_into",
    "recvmsg",
    "recvmsg_into",
    "resolved",
    "send",
    "send_bytes",
    "sendall",
    "sendmsg",
    "sendto",
]

WAITALL: int = _socket.MSG_WAITALL
FASTOPEN: int = getattr(_socket, "MSG_FASTOPEN", 0)

_native = _socket.socket
_special = _socket_options.special


# -- Receiving


def recv(self: Any, bufsize: int, flags: int = 0, /) -> bytes:
    """Receive up to `bufsize` bytes; b"" at the end of the stream. See `socket.socket.recv`."""
    return receive_bytes(self, bufsize, flags)  # type: ignore[no-any-return]


def receive_bytes(sock: Any, size: int, flags: int) -> Any:
    """Receive as `recv`, for compiled callers."""
    fd = -1
    if (flags & WAITALL or _special) and _may_have_target(sock, flags):
        target: int = _receive_target.prepare(sock, size, flags)
        if target:
            return _receive_target.recv(sock, size, flags, target)
        # Below SO_RCVLOWAT, data arrives without an event: only a system call can find it.
    elif flags == 0 and size > 0:
        fd = plain_stream(sock)
    if fd < 0:
        yield_if_due()
    data = None if fd >= 0 and read_would_wait(fd) else receive(sock, size, flags)
    deadline = 0.0
    while data is None:
        deadline = wait_for(sock, READ, deadline, flags)
        data = receive(sock, size, flags)
    if fd >= 0 and len(data) < size:
        note_short_read(fd)
    return data


def _may_have_target(sock: Any, flags: int) -> bool:
    """Return whether a read may need `_receive_target`."""
    return bool(flags & WAITALL) or (bool(_special) and descriptor(sock) in _special)


def recv_into(self: Any, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
    """Receive into `buffer`, at most `nbytes` (0: its size); return the count. See `socket.socket.recv_into`."""
    view = memoryview(buffer)
    if view.readonly:
        raise TypeError(
            f"recv_into() argument 1 must be read-write bytes-like object, not {type(buffer).__name__}"
        )
    size = view.nbytes
    if nbytes < 0:
        raise ValueError("negative buffersize in recv_into")
    if nbytes > size:
        raise ValueError("buffer too small for requested bytes")
    return _recv_into(self, buffer, nbytes or size, flags)


def _recv_into(sock: Any, buffer: Any, size: int, flags: int) -> int:
    if size == 0:
        return 0
    fd = -1
    if (flags & WAITALL or _special) and _may_have_target(sock, flags):
        target: int = _receive_target.prepare(sock, size, flags)
        if target:
            return _receive_target.recv_into(sock, buffer, size, flags, target)
    elif flags == 0:
        fd = plain_stream(sock)
    deadline = 0.0
    if fd < 0:
        yield_if_due()
    count = -1 if fd >= 0 and read_would_wait(fd) else receive_into(sock, buffer, 0, size, flags)
    while count < 0:
        deadline = wait_for(sock, READ, deadline, flags)
        count = receive_into(sock, buffer, 0, size, flags)
    if fd >= 0 and count < size:
        note_short_read(fd)
    return count


def recvfrom(self: Any, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
    """Receive a datagram and the address of its sender. See `socket.socket.recvfrom`."""
    if (flags or _special) and _may_have_target(self, flags):
        target: int = _receive_target.prepare(self, bufsize, flags)
        if target:
            return _receive_target.recvfrom(self, bufsize, flags, target)
    return until_done(self, READ, _native.recvfrom, (bufsize, flags | DONTWAIT), flags)  # type: ignore[no-any-return]


def recvfrom_into(self: Any, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
    """Receive a datagram into `buffer`; return its size and its sender. See `socket.socket.recvfrom_into`."""
    if (flags or _special) and _may_have_target(self, flags):
        size = _size_of_all([buffer])
        if 0 <= nbytes <= size:
            size = nbytes or size
            target: int = _receive_target.prepare(self, size, flags)
            if target:
                return _receive_target.recvfrom_into(self, buffer, size, flags, target)
    return until_done(self, READ, _native.recvfrom_into, (buffer, nbytes, flags | DONTWAIT), flags)  # type: ignore[no-any-return]


def recvmsg(
    self: Any, bufsize: int, ancbufsize: int = 0, flags: int = 0, /
) -> tuple[bytes, list[Any], int, Any]:
    """Receive data and ancillary data. See `socket.socket.recvmsg`."""
    if (flags or _special) and _may_have_target(self, flags):
        target: int = _receive_target.prepare(self, bufsize, flags)
        if target:
            return _receive_target.recvmsg(self, bufsize, ancbufsize, flags, target)
    return until_done(self, READ, _native.recvmsg, (bufsize, ancbufsize, flags | DONTWAIT), flags)  # type: ignore[no-any-return]


def recvmsg_into(
    self: Any, buffers: Any, ancbufsize: int = 0, flags: int = 0, /
) -> tuple[int, list[Any], int, Any]:
    """Receive data into several buffers, and ancillary data. See `socket.socket.recvmsg_into`."""
    buffers = list(buffers)
    if (flags or _special) and _may_have_target(self, flags):
        target: int = _receive_target.prepare(self, _size_of_all(buffers), flags)
        if target:
            return _receive_target.recvmsg_into(self, buffers, ancbufsize, flags, target)
    return until_done(self, READ, _native.recvmsg_into, (buffers, ancbufsize, flags | DONTWAIT), flags)  # type: ignore[no-any-return]


def _size_of_all(buffers: list[Any]) -> int:
    """Return the total size of `buffers` in bytes; -1 if one is not a contiguous, writable buffer."""
    size = 0
    for buffer in buffers:
        try:
            with memoryview(buffer) as view:
                if view.readonly or not view.c_contiguous:
                    return -1
                size += view.nbytes
        except TypeError:
            return -1
    return size


# -- Sending


def send(self: Any, data: Any, flags: int = 0, /) -> int:
    """Send `data`; return how many bytes were sent: all, if the socket has no timeout. See `socket.socket.send`."""
    return send_bytes(self, data, flags)


def send_bytes(sock: Any, data: Any, flags: int) -> int:
    """Send as `send`, for compiled callers."""
    limit = timeout_of(sock)
    yield_if_due()
    data = _held(data)
    count = transmit(sock, data, 0, flags)
    deadline = 0.0
    while count < 0:
        deadline = wait_for(sock, WRITE, deadline, flags)
        count = transmit(sock, data, 0, flags)
    if limit < 0.0 and count < _size(data) and not flags & DONTWAIT:
        return _send_rest(sock, data, count, flags, deadline)
    return count


def _held(data: Any) -> Any:
    """Return an object that prevents other greenlets from resizing the buffer, as long as it is referenced."""
    return data if type(data) is bytes else memoryview(data)


def _size(data: Any) -> int:
    return len(data) if type(data) is bytes else data.nbytes


def _send_rest(sock: Any, data: Any, sent: int, flags: int, deadline: float) -> int:
    # The kernel does this without a timeout: it waits until all is sent. It reports a later error, and also the end
    # of SO_SNDTIMEO, as a short count.
    size = _size(data)
    while sent < size:
        try:
            count = transmit(sock, data, sent, flags)
        except OSError:
            # The next call reports the error. (Errors that are thrown into the waiting greenlet are not caught.)
            break
        if count >= 0:
            sent += count
            if deadline > 0.0 and family_of(sock) == _socket.AF_UNIX:
                # For UNIX sockets, each piece has its own limit.
                deadline = 0.0
            continue
        try:
            deadline = wait_for(sock, WRITE, deadline, 0)
        except BlockingIOError:
            break
    return sent


def sendall(self: Any, data: Any, flags: int = 0, /) -> None:
    """Send all of `data`. The timeout limits the whole call. See `socket.socket.sendall`."""
    _sendall(self, data, flags)


def _sendall(sock: Any, data: Any, flags: int) -> None:
    data = _held(data)
    size = _size(data)
    sent = before = 0
    deadline = 0.0
    yield_if_due()
    while True:
        count = transmit(sock, data, sent, flags)
        if count < 0:
            try:
                deadline = wait_for(sock, WRITE, deadline, flags)
            except BlockingIOError:
                if sent == before:
                    raise
                # SO_SNDTIMEO limits each send(2). After a short count, CPython calls send(2) again.
                deadline = 0.0
                before = sent
            continue
        sent += count
        if sent >= size:
            return


def sendto(self: Any, data: Any, /, *args: Any) -> int:
    """``sendto(data, [flags,] address)``: send a datagram. See `socket.socket.sendto`."""
    if len(args) == 1:
        flags, address = 0, args[0]
    elif len(args) == 2:
        flags, address = args
    else:
        raise TypeError(f"sendto() takes 2 or 3 arguments ({1 + len(args)} given)")
    address = resolved(self, address)
    if flags & FASTOPEN:
        return _send_connecting(self, data, flags, address)
    sent = _pushed(self, _native.sendto, (data, flags | DONTWAIT, address), flags)
    return _all_of(self, data, sent, flags)


def _all_of(sock: Any, data: Any, sent: int, flags: int) -> int:
    """Send the rest of `data` after a first piece, if the kernel would."""
    if type_of(sock) & 0xF != _socket.SOCK_STREAM or timeout_of(sock) >= 0.0 or flags & DONTWAIT:
        return sent
    data = _held(data)
    return _send_rest(sock, data, sent, flags, 0.0) if sent < _size(data) else sent


def _send_connecting(sock: Any, data: Any, flags: int, address: Any) -> int:
    """Call ``sendto(data, flags, address)`` with MSG_FASTOPEN, which connects the socket too."""
    yield_if_due()
    try:
        # Without a wait: the first packet of the handshake carries data, or asks for a cookie.
        sent = _native.sendto(sock, data, flags | DONTWAIT, address)
    except BlockingIOError:
        if timeout_of(sock) >= 0.0 or flags & DONTWAIT:
            raise
        # The socket is connecting. It becomes writable when the handshake has ended.
        return send_bytes(sock, data, flags & ~FASTOPEN)
    return _all_of(sock, data, sent, flags & ~FASTOPEN)


def sendmsg(self: Any, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None, /) -> int:
    """Send several buffers and ancillary data; all, if the socket has no timeout. See `socket.socket.sendmsg`."""
    buffers = list(buffers)
    if address is not None:
        address = resolved(self, address)
    sent = _pushed(self, _native.sendmsg, (buffers, ancdata, flags | DONTWAIT, address), flags)
    if timeout_of(self) < 0.0 and type_of(self) & 0xF == _socket.SOCK_STREAM and not flags & DONTWAIT:
        # The ancillary data was sent with the first byte.
        skipped = sent
        for view in [memoryview(part).cast("B") for part in buffers]:
            if skipped >= view.nbytes:
                skipped -= view.nbytes
                continue
            done = _send_rest(self, view, skipped, flags, 0.0)
            sent += done - skipped
            skipped = 0
            if done < view.nbytes:
                break
    return sent


def resolved(sock: Any, address: Any) -> Any:
    """Return `address` with a numeric host, so that the system call does not resolve a name."""
    if (
        family_of(sock) not in (_socket.AF_INET, _socket.AF_INET6)
        or not isinstance(address, tuple)
        or not address
    ):
        return address
    return _socket_names.resolve_address(sock, address)


def _pushed(sock: Any, method: Any, args: tuple[Any, ...], flags: int) -> int:
    """Send as `until_done`, but for sockets with which a full peer may cause no event to wait for."""
    if family_of(sock) != _socket.AF_UNIX or type_of(sock) & 0xF == _socket.SOCK_STREAM:
        return until_done(sock, WRITE, method, args, flags)  # type: ignore[no-any-return]
    # unix(7): a datagram to a full peer, to which this socket is not connected. The socket itself stays writable.
    yield_if_due()
    pauses: Iterator[float] | None = None
    limit = timeout_of(sock)
    is_kernels = limit < 0.0 and not flags & NEVER_WAIT and bool(_special) and descriptor(sock) in _special
    if is_kernels:
        limit = _socket_options.time_limit(sock, WRITE)
    deadline = monotonic() + limit
    while True:
        result = attempt(sock, method, args)
        if result is not WOULD_BLOCK:
            return result  # type: ignore[no-any-return]
        if limit == 0.0 or (limit < 0.0 and flags & NEVER_WAIT):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        if limit > 0.0 and monotonic() >= deadline:
            if is_kernels:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            raise TimeoutError("timed out")
        pauses = pauses or growing_pauses()
        pause = next(pauses)
        sleep(pause if limit < 0.0 else min(pause, max(deadline - monotonic(), 0.0)))
