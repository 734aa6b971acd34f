"""The cooperative methods of sockets.

Plain functions: the green socket class carries them, and patching puts the same ones on the standard library's class.
They keep no state of their own, so that sockets made before patching work. A method tries the system call without
waiting, and parks only when nothing is ready. The fd stays blocking, for children, C libraries and unpatched code
that share it; what the kernel's blocking calls do beyond waiting (send all, MSG_WAITALL) is done here.

Source of the behaviour: CPython's socket module and its Modules/socketmodule.c, POSIX, socket(7), unix(7).
"""

import _socket
import errno
import os
from typing import Any

from greenrt._hub.io import note_short_read, park_on_socket, read_would_wait
from greenrt._hub.pausing import sleep
from greenrt._hub.slot import get_hub_if_exists
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
from greenrt.green import names

__all__ = [
    "accept_fd",
    "connect",
    "connect_ex",
    "detach",
    "forget_fd",
    "new_fd",
    "real_close",
    "recv",
    "recv_into",
    "recvfrom",
    "recvfrom_into",
    "recvmsg",
    "recvmsg_into",
    "send",
    "sendall",
    "sendfile",
    "sendmsg",
    "sendto",
    "wait_for",
]

READ = 1
WRITE = 2

DONTWAIT: int = getattr(_socket, "MSG_DONTWAIT", 0)
WAITALL: int = _socket.MSG_WAITALL

_native = _socket.socket


def wait_for(sock: Any, event: int, deadline: float) -> float:
    """Park until another try is worth while; return the deadline, which the first call (0) sets from the timeout.

    BlockingIOError if the socket is non-blocking, TimeoutError when the deadline is past. -1: no deadline.
    """
    if deadline == 0.0:
        limit = timeout_of(sock)
        if limit == 0.0:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        deadline = -1.0 if limit < 0.0 else monotonic() + limit
    if deadline < 0.0:
        park_on_socket(sock, descriptor(sock), event, None)
        return deadline
    left = deadline - monotonic()
    if left <= 0.0 or not park_on_socket(sock, descriptor(sock), event, left):
        raise TimeoutError("timed out")
    return deadline


def _until_done(sock: Any, event: int, method: Any, args: tuple[Any, ...]) -> Any:
    """Call one of `_socket.socket`'s methods until it doesn't have to wait."""
    result = attempt(sock, method, args)
    deadline = 0.0
    while result is WOULD_BLOCK:
        deadline = wait_for(sock, event, deadline)
        result = attempt(sock, method, args)
    return result


# -- Receiving


def recv(self: Any, bufsize: int, flags: int = 0) -> bytes:
    """Receive up to `bufsize` bytes; b"" at the end of the stream. See `socket.socket.recv`."""
    return _recv(self, bufsize, flags)


def _recv(sock: Any, size: int, flags: int) -> Any:
    fd = plain_stream(sock) if flags == 0 and size > 0 else -1
    data = None if fd >= 0 and read_would_wait(fd) else receive(sock, size, flags)
    deadline = 0.0
    while data is None:
        deadline = wait_for(sock, READ, deadline)
        data = receive(sock, size, flags)
    if fd >= 0 and len(data) < size:
        note_short_read(fd)
    if flags & WAITALL and len(data) < size and timeout_of(sock) < 0.0:
        return _recv_all(sock, data, size, flags)
    return data


def _recv_all(sock: Any, data: bytes, size: int, flags: int) -> bytes:
    # Without a timeout the kernel would wait for all of it, unless the stream ends; with MSG_PEEK it looks again.
    parts = [data]
    missing = size - len(data)
    while data and missing and not flags & _socket.MSG_PEEK:
        try:
            data = _recv(sock, missing, flags & ~WAITALL)
        except OSError:
            # What has come is not lost; the error comes again with the next call.
            break
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)


def recv_into(self: Any, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
    """Receive into `buffer`, at most `nbytes` (0: its size); return the count. See `socket.socket.recv_into`."""
    view = memoryview(buffer)
    if view.readonly:
        raise TypeError(f"recv_into() argument 1 must be read-write bytes-like object, not {type(buffer).__name__}")
    size = view.nbytes
    if nbytes < 0:
        raise ValueError("negative buffersize in recv_into")
    if nbytes > size:
        raise ValueError("buffer too small for requested bytes")
    return _recv_into(self, buffer, nbytes or size, flags)


def _recv_into(sock: Any, buffer: Any, size: int, flags: int) -> int:
    if size == 0:
        return 0
    got = 0
    deadline = 0.0
    fd = plain_stream(sock) if flags == 0 else -1
    known_dry = fd >= 0 and read_would_wait(fd)
    while True:
        count = -1 if known_dry else receive_into(sock, buffer, got, size - got, flags)
        known_dry = False
        if count < 0:
            deadline = wait_for(sock, READ, deadline)
            continue
        if fd >= 0 and count < size:
            note_short_read(fd)
        got += count
        if not flags & WAITALL or count == 0 or got == size or flags & _socket.MSG_PEEK or timeout_of(sock) >= 0.0:
            return got


def recvfrom(self: Any, bufsize: int, flags: int = 0) -> tuple[bytes, Any]:
    """Receive a datagram and its sender's address. See `socket.socket.recvfrom`."""
    return _until_done(self, READ, _native.recvfrom, (bufsize, flags | DONTWAIT))  # type: ignore[no-any-return]


def recvfrom_into(self: Any, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
    """Receive a datagram into `buffer`; return its size and sender. See `socket.socket.recvfrom_into`."""
    return _until_done(self, READ, _native.recvfrom_into, (buffer, nbytes, flags | DONTWAIT))  # type: ignore[no-any-return]


def recvmsg(self: Any, bufsize: int, ancbufsize: int = 0, flags: int = 0) -> tuple[bytes, list[Any], int, Any]:
    """Receive data and ancillary data. See `socket.socket.recvmsg`."""
    return _until_done(self, READ, _native.recvmsg, (bufsize, ancbufsize, flags | DONTWAIT))  # type: ignore[no-any-return]


def recvmsg_into(self: Any, buffers: Any, ancbufsize: int = 0, flags: int = 0) -> tuple[int, list[Any], int, Any]:
    """Receive data into several buffers, and ancillary data. See `socket.socket.recvmsg_into`."""
    buffers = list(buffers)
    return _until_done(self, READ, _native.recvmsg_into, (buffers, ancbufsize, flags | DONTWAIT))  # type: ignore[no-any-return]


# -- Sending


def send(self: Any, data: Any, flags: int = 0) -> int:
    """Send `data`; return how much of it was sent: all, if the socket has no timeout. See `socket.socket.send`."""
    return _send(self, data, flags)


def _send(sock: Any, data: Any, flags: int) -> int:
    count = transmit(sock, data, 0, flags)
    deadline = 0.0
    while count < 0:
        deadline = wait_for(sock, WRITE, deadline)
        count = transmit(sock, data, 0, flags)
    if timeout_of(sock) < 0.0 and count < _size(data):
        return _send_rest(sock, data, count, flags, deadline)
    return count


def _size(data: Any) -> int:
    return len(data) if type(data) is bytes else memoryview(data).nbytes


def _send_rest(sock: Any, data: Any, sent: int, flags: int, deadline: float) -> int:
    # What the kernel does without a timeout: it waits until all is sent, and reports a later error as a short count.
    size = _size(data)
    while sent < size:
        try:
            count = transmit(sock, data, sent, flags)
            if count < 0:
                deadline = wait_for(sock, WRITE, deadline)
            else:
                sent += count
        except OSError:
            break
    return sent


def sendall(self: Any, data: Any, flags: int = 0) -> None:
    """Send all of `data`; the timeout is for the whole. See `socket.socket.sendall`."""
    _sendall(self, data, flags)


def _sendall(sock: Any, data: Any, flags: int) -> None:
    size = _size(data)
    sent = 0
    deadline = 0.0
    while True:
        count = transmit(sock, data, sent, flags)
        if count < 0:
            deadline = wait_for(sock, WRITE, deadline)
            continue
        sent += count
        if sent >= size:
            return


def sendto(self: Any, data: Any, *args: Any) -> int:
    """``sendto(data, [flags,] address)``: send a datagram. See `socket.socket.sendto`."""
    if len(args) == 1:
        flags, address = 0, args[0]
    elif len(args) == 2:
        flags, address = args
    else:
        raise TypeError(f"sendto() takes 2 or 3 arguments ({1 + len(args)} given)")
    return _pushed(self, _native.sendto, (data, flags | DONTWAIT, resolved(self, address)))


def sendmsg(self: Any, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None) -> int:
    """Send several buffers and ancillary data; all, if the socket has no timeout. See `socket.socket.sendmsg`."""
    buffers = list(buffers)
    sent = _pushed(self, _native.sendmsg, (buffers, ancdata, flags | DONTWAIT, address))
    if timeout_of(self) < 0.0 and self.type & 0xF == _socket.SOCK_STREAM:
        rest = b"".join(bytes(memoryview(part).cast("B")) for part in buffers)[sent:] if sent < _total(buffers) else b""
        if rest:
            sent += _send_rest(self, rest, 0, flags, -1.0)
    return sent


def _total(buffers: list[Any]) -> int:
    return sum(memoryview(part).nbytes for part in buffers)


def _pushed(sock: Any, method: Any, args: tuple[Any, ...]) -> int:
    """`_until_done` for sending, where a full peer may give no event to wait for."""
    if sock.family != _socket.AF_UNIX:
        return _until_done(sock, WRITE, method, args)  # type: ignore[no-any-return]
    # unix(7): a datagram to a full peer that this socket is not connected to. The socket itself is writable.
    pause = 0.001
    limit = timeout_of(sock)
    deadline = monotonic() + limit
    while True:
        result = attempt(sock, method, args)
        if result is not WOULD_BLOCK:
            return result  # type: ignore[no-any-return]
        if limit == 0.0:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        if limit > 0.0 and monotonic() >= deadline:
            raise TimeoutError("timed out")
        sleep(pause if limit < 0.0 else min(pause, max(deadline - monotonic(), 0.0)))
        pause = min(pause * 2, 0.02)


# -- Connecting


def resolved(sock: Any, address: Any) -> Any:
    """Return `address` with its host resolved, so that the system call need not."""
    if sock.family not in (_socket.AF_INET, _socket.AF_INET6) or not isinstance(address, tuple) or not address:
        return address
    return names.resolve_address(sock, address)


def connect(self: Any, address: Any) -> None:
    """Connect to `address`. See `socket.socket.connect`."""
    error = _connect(self, address)
    if error:
        raise OSError(error, os.strerror(error))


def connect_ex(self: Any, address: Any) -> int:
    """Connect to `address`; return 0, or the errno. See `socket.socket.connect_ex`."""
    try:
        return _connect(self, address)
    except TimeoutError:
        return errno.EAGAIN


def _connect(sock: Any, address: Any) -> int:
    address = resolved(sock, address)
    limit = timeout_of(sock)
    if limit == 0.0:
        return _native.connect_ex(sock, address)
    deadline = 0.0
    pause = 0.001
    while True:
        error = _connect_now(sock, address, limit)
        if error == errno.EAGAIN and sock.family == _socket.AF_UNIX:
            # A full backlog, which gives no event to wait for.
            if limit > 0.0:
                deadline = deadline or monotonic() + limit
                if monotonic() >= deadline:
                    raise TimeoutError("timed out")
            sleep(pause)
            pause = min(pause * 2, 0.02)
            continue
        if error not in (errno.EINPROGRESS, errno.EALREADY, errno.EINTR):
            return error
        break
    wait_for(sock, WRITE, deadline)
    return sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)  # type: ignore[no-any-return]


def _connect_now(sock: Any, address: Any, limit: float) -> int:
    """Call connect(2) without waiting; return 0 or the errno. The fd is non-blocking during the call only."""
    _native.settimeout(sock, 0.0)
    try:
        return _native.connect_ex(sock, address)
    finally:
        _native.settimeout(sock, None if limit < 0.0 else limit)


# -- Accepting


def accept_fd(self: Any) -> tuple[int, Any]:
    """Wait for a connection; return its fd and the peer's address."""
    fd = descriptor(self)
    if fd >= 0 and os.get_blocking(fd):
        # There is no MSG_DONTWAIT for accept(2). `detach` undoes this.
        os.set_blocking(fd, False)
    return _until_done(self, READ, _native._accept, ())  # type: ignore[attr-defined, no-any-return]


# -- The fd's life


def new_fd(fd: int) -> None:
    """Note that `fd` is a new file: what the loop knew of the number is void."""
    hub = get_hub_if_exists()
    if hub is not None:
        hub.loop.fds.reset(fd)


def forget_fd(fd: int) -> None:
    """Note that `fd` is about to be closed: whoever waits for it in this thread gets EBADF."""
    hub = get_hub_if_exists()
    if hub is not None and fd >= 0:
        hub.loop.fds.forget(fd)


def real_close(self: Any, _ss: Any = _socket.socket) -> None:
    """Close the fd, after waking whoever waits for it."""
    forget_fd(self.fileno())
    _ss.close(self)


def detach(self: Any) -> int:
    """Give up the fd without closing it, as it would be without greenrt. See `socket.socket.detach`."""
    fd: int = self.fileno()
    forget_fd(fd)
    if fd >= 0 and self.gettimeout() is None and not os.get_blocking(fd):
        os.set_blocking(fd, True)
    self._closed = True
    return _native.detach(self)


# -- Files


def sendfile(sock: Any, file: Any, offset: int, count: int | None, give_up: type[Exception]) -> int:
    """Send a regular file with os.sendfile(2); raise `give_up` where that can't be done. See `socket.sendfile`."""
    sock._check_sendfile_params(file, offset, count)
    if timeout_of(sock) == 0.0:
        raise ValueError("non-blocking sockets are not supported")
    try:
        source = file.fileno()
        size = os.fstat(source).st_size
    except (AttributeError, OSError) as error:
        raise give_up(error) from None
    if not size:
        return 0
    sent = 0
    try:
        while count is None or sent < count:
            # At most 1 GiB: more overflows on some systems.
            step = min(size if count is None else count - sent, 1 << 30)
            try:
                done = _sendfile_once(sock, source, offset + sent, step)
            except OSError as error:
                if isinstance(error, TimeoutError) or sent:
                    raise
                raise give_up(error) from None
            if done == 0:
                break
            sent += done
    finally:
        if sent and hasattr(file, "seek"):
            file.seek(offset + sent)
    return sent


def _sendfile_once(sock: Any, source: int, offset: int, step: int) -> int:
    # CPython's timeout is for each step, too.
    deadline = 0.0
    while True:
        fd = descriptor(sock)
        blocking = os.get_blocking(fd)
        if blocking:
            # sendfile(2) knows no MSG_DONTWAIT.
            os.set_blocking(fd, False)
        try:
            return os.sendfile(fd, source, offset, step)
        except BlockingIOError:
            pass
        finally:
            if blocking:
                os.set_blocking(fd, True)
        deadline = wait_for(sock, WRITE, deadline)
