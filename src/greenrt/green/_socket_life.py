"""The cooperative methods of sockets that connect, accept, send files and close.

They are plain functions for any standard socket object, and have no state, as those of `_socket_io`.

Sources: CPython's socket module and its Modules/socketmodule.c, connect(2), unix(7).
"""

import _socket
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress

from greenrt._events import READ, WRITE
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import forget_fd, poll_fd, yield_if_due
from greenrt._hub.sleep import sleep
from greenrt._native.sockio import WOULD_BLOCK, attempt, descriptor, timeout_of
from greenrt._native.switch import is_finalizing
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.green import _socket_options
from greenrt.green._fds import POLLERR, POLLHUP, POLLOUT
from greenrt.green._polling import growing_pauses
from greenrt.green._socket_io import resolved
from greenrt.green._socket_waits import family_of, wait_for

__all__ = ["accept_fd", "connect", "connect_ex", "detach", "real_close", "sendfile"]

_native = _socket.socket

_TIMED_OUT = -1
_INTERNET = (_socket.AF_INET, _socket.AF_INET6)
# CPython 3.12 has the constant for MPTCP, which Linux has since 5.6.
_TCP = (0, _socket.IPPROTO_TCP, getattr(_socket, "IPPROTO_MPTCP", 262))
_TCP_INFO: int = getattr(_socket, "TCP_INFO", -1)
# The offset of tcpi_bytes_acked in the kernel's struct tcp_info. Kernels before 4.1 return a shorter struct.
_BYTES_ACKED = slice(120, 128)

# The fds of TCP sockets that a blocking `connect` has connected. The kernel, which was called without blocking, will
# tell the next connect of the success. Asking it now would take the error of a connection that was reset meanwhile.
_established: set[int] = set()


def connect(self: Any, address: Any, /) -> None:
    """Connect to `address`. See `socket.socket.connect`."""
    error = _connect(self, address, timeout_of(self))
    if error == _TIMED_OUT:
        raise TimeoutError("timed out")
    if error:
        raise OSError(error, os.strerror(error))


def connect_ex(self: Any, address: Any, /) -> int:
    """Connect to `address`; return 0 or the errno. See `socket.socket.connect_ex`."""
    error = _connect(self, address, timeout_of(self))
    return errno.EAGAIN if error == _TIMED_OUT else error


def _connect(sock: Any, address: Any, limit: float) -> int:
    """Connect within `limit` seconds (0: do not wait; negative: no limit). Return 0, an errno or _TIMED_OUT."""
    yield_if_due()
    address = resolved(sock, address)
    if limit == 0.0 or descriptor(sock) < 0:
        return _native.connect_ex(sock, address)
    # The result of the kernel's call after SO_SNDTIMEO.
    late = _TIMED_OUT if limit > 0.0 else errno.EINPROGRESS
    if limit < 0.0 and descriptor(sock) in _socket_options.special:
        limit = _socket_options.time_limit(sock, WRITE)
    deadline = monotonic() + limit if limit > 0.0 else -1.0
    error = _connect_now(sock, address)
    if descriptor(sock) in _established:
        _established.discard(descriptor(sock))
        # The number may be that of another socket by now.
        if error == 0 and _is_tcp(sock):
            return errno.EISCONN
    pauses: Iterator[float] | None = None
    while error == errno.EAGAIN and family_of(sock) == _socket.AF_UNIX:
        # The backlog is full. There is no event to wait for.
        pauses = pauses or growing_pauses()
        pause = next(pauses)
        if limit > 0.0:
            left = deadline - monotonic()
            if left <= 0.0:
                return _TIMED_OUT if late == _TIMED_OUT else errno.EAGAIN
            pause = min(pause, left)
        sleep(pause)
        error = _connect_now(sock, address)
    if error not in (errno.EINPROGRESS, errno.EALREADY, errno.EINTR):
        return error
    # Check before parking: a connection on the same machine is established by now, and may be reset before this
    # greenlet runs again.
    while (error := _outcome_of_connect(sock)) == errno.EINPROGRESS:
        try:
            wait_for(sock, WRITE, deadline, 0)
        except (TimeoutError, BlockingIOError):
            # The error of `wait_for`, unless the time is not up: then another greenlet threw it into this one.
            if deadline < 0.0 or monotonic() < deadline:
                raise
            # The connection may have been established while other greenlets ran.
            error = _outcome_of_connect(sock)
            if error == errno.EINPROGRESS:
                return late
            break
    if late != _TIMED_OUT and _is_tcp(sock):
        if error:
            _end_attempt(sock, address)
        else:
            _established.add(descriptor(sock))
    return error


def _is_tcp(sock: Any) -> bool:
    return family_of(sock) in _INTERNET and sock.type == _socket.SOCK_STREAM and sock.proto in _TCP


def _end_attempt(sock: Any, address: Any) -> None:
    """Let the kernel forget a failed connect, as it does at the end of a blocking connect(2) over TCP.

    Otherwise reads return the end of a stream instead of ENOTCONN, and the next connect reports ECONNABORTED.
    """
    # This call does not connect: the kernel reports the failure of the previous attempt. An audit hook may refuse the
    # call, which is not one of the program's.
    with suppress(Exception):
        _connect_now(sock, address)


def _connect_now(sock: Any, address: Any) -> int:
    """Call connect(2) without waiting; return 0 or the errno. The fd is non-blocking only during the call."""
    timeout = _native.gettimeout(sock)
    _native.settimeout(sock, 0.0)
    try:
        return _native.connect_ex(sock, address)
    finally:
        _native.settimeout(sock, timeout)


def _outcome_of_connect(sock: Any) -> int:
    """Return the result of a connect in progress: 0, its errno, or EINPROGRESS if it has not ended.

    This is the result of the handshake. An error of the established connection stays in the socket, for the first
    call after `connect`. (SO_ERROR reports both kinds of errors, and clears them.)
    """
    found = poll_fd(descriptor(sock), POLLOUT)
    if not found:
        return errno.EINPROGRESS
    if not found & (POLLERR | POLLHUP) or _was_established(sock):
        return 0
    return sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)  # type: ignore[no-any-return]


def _was_established(sock: Any) -> bool:
    """Return whether this is TCP and the peer has acknowledged anything: at least the SYN (tcp_info of tcp(7))."""
    try:
        info = sock.getsockopt(_socket.IPPROTO_TCP, _TCP_INFO, _BYTES_ACKED.stop)
    except OSError:
        # Another protocol, without such a counter.
        return False
    return any(info[_BYTES_ACKED])


def accept_fd(sock: Any) -> tuple[int, Any]:
    """Wait for a connection; return its file descriptor and the peer's address."""
    limit = timeout_of(sock)
    yield_if_due()
    deadline = 0.0
    while True:
        fd = descriptor(sock)
        if fd >= 0 and limit < 0.0 and os.get_blocking(fd):
            # accept(2) has no MSG_DONTWAIT, and settimeout(None) may clear the flag during a wait. `detach` undoes
            # this.
            os.set_blocking(fd, False)
        accepted = attempt(sock, _native._accept, ())  # type: ignore[attr-defined]
        if accepted is not WOULD_BLOCK:
            return accepted  # type: ignore[no-any-return]
        deadline = wait_for(sock, READ, deadline, 0)


def real_close(
    self: Any, _ss: Any = _socket.socket, _is_finalizing: Callable[[], bool] = is_finalizing
) -> None:
    """Wake up the waiters of the file descriptor, and close it. With SO_LINGER, wait as the kernel does.

    The defaults are for finalizers that run after this module has lost its names, as in CPython's own method.
    """
    if _is_finalizing():
        _ss.close(self)
        return
    fd = self.fileno()
    forget_fd(fd)
    _established.discard(fd)
    if fd in _socket_options.special:
        # Other code may have closed the descriptor, and its number may be that of another file.
        is_socket = _socket_options.has_special(fd)
        _socket_options.special.discard(fd)
        hub = hub_for_waiting()
        if hub is not None and is_socket and _socket_options.lingers(self):
            _close_lingering(_native.detach(self), hub.threadpool)
            return
    _ss.close(self)


def _close_lingering(fd: int, threadpool: Any) -> None:
    try:
        closed = threadpool.spawn(_socket.close, fd)
    except RuntimeError:
        # CPython 3.12 starts no threads while the functions of atexit run.
        _socket.close(fd)
        return
    except BaseException:
        # Killed while all threads of the pool were busy. The file descriptor must not leak, so close it without a
        # wait.
        sock = _native(fileno=fd)
        sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, bytes(8))
        sock.close()
        raise
    closed.get()


def detach(self: Any, /) -> int:
    """Release the fd without closing it, in the state that it has without greenrt. See `socket.socket.detach`."""
    fd = descriptor(self)
    forget_fd(fd)
    _established.discard(fd)
    if fd >= 0 and timeout_of(self) < 0.0:
        _block_again(self, fd)
    self._closed = True
    return _native.detach(self)


def _block_again(sock: Any, fd: int) -> None:
    """Undo the change of `accept_fd` to a blocking listener."""
    try:
        if not os.get_blocking(fd) and sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN):
            os.set_blocking(fd, True)
    except OSError:
        # Other code has closed the descriptor. The standard library does not report that either.
        return


def sendfile(sock: Any, file: Any, offset: int, count: int | None, give_up: type[Exception]) -> int:
    """Send a regular file with os.sendfile(2); raise `give_up` if that is impossible. See `socket.sendfile`."""
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
            # At most 1 GiB: a larger count overflows on some systems.
            step = min(size if count is None else count - sent, 1 << 30)
            # In CPython, too, the timeout applies to each step. CPython repeats a step that SO_SNDTIMEO has ended.
            deadline = 0.0 if timeout_of(sock) > 0.0 else -1.0
            while (done := _sendfile_now(sock, source, offset + sent, step, None if sent else give_up)) < 0:
                deadline = wait_for(sock, WRITE, deadline, 0)
            if done == 0:
                break
            sent += done
    finally:
        if sent and hasattr(file, "seek"):
            file.seek(offset + sent)
    return sent


def _sendfile_now(sock: Any, source: int, offset: int, step: int, give_up: type[Exception] | None) -> int:
    """Call sendfile(2) without waiting; return the count, or -1 if the socket has no room."""
    fd = descriptor(sock)
    blocking = os.get_blocking(fd)
    if blocking:
        # sendfile(2) has no MSG_DONTWAIT.
        os.set_blocking(fd, False)
    try:
        return os.sendfile(fd, source, offset, step)
    except BlockingIOError:
        return -1
    except OSError as error:
        if give_up is None:
            raise
        raise give_up(error) from None
    finally:
        if blocking:
            os.set_blocking(fd, True)
