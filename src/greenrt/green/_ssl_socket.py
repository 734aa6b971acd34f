"""The cooperative methods of `ssl.SSLSocket`.

They are plain functions, as in `_socket_io`: the green class has them as methods, and patching sets them on the
standard class. OpenSSL reads and writes the file descriptor itself, and `_ssl` waits for the timeout in the socket's
C struct. So the C timeout is 0 while there is a TLS layer, and the instance stores the user's timeout: from the first
call that may wait, until the layer is removed (unwrap, shutdown, detach) or a call fails. In this time the file
descriptor is non-blocking.

Several greenlets may use one SSLSocket if one of them reads and another one writes. OpenSSL itself may write during a
read (an answer to KeyUpdate, a renegotiation), and read during a write.

Sources: CPython's ssl module and its Modules/_ssl.c, SSL_read(3), SSL_write(3), SSL_shutdown(3).
"""

import _socket
import ssl as _stdlib
from collections.abc import Callable
from ssl import SSL_ERROR_EOF, SSLError, SSLWantReadError, SSLWantWriteError

from greenrt._events import READ, WRITE
from greenrt._hub.fd_wait import park_on_fd, park_on_socket, yield_if_due
from greenrt._native.switch import current_or_last
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.errors import ConcurrentObjectUseError
from greenrt.green._socket_life import detach as _detach_plain

__all__ = ["METHODS"]

_native = _socket.socket
_stdlib_shutdown = _stdlib.SSLSocket.shutdown

# Keys of an SSLSocket's __dict__: the user's timeout while the C timeout is 0; the greenlet that writes.
HELD = "_greenrt_timeout"
WRITER = "_greenrt_writer"

_ABSENT: Any = object()


# -- The two timeouts


def gettimeout(self: Any) -> float | None:
    """Return the timeout in seconds, or None. See `socket.socket.gettimeout`."""
    held = self.__dict__.get(HELD, _ABSENT)
    return _native.gettimeout(self) if held is _ABSENT else held


def settimeout(self: Any, timeout: float | None, /) -> None:
    """Set the timeout of later calls in seconds. See `socket.socket.settimeout`."""
    _native.settimeout(self, timeout)
    if HELD in self.__dict__:
        del self.__dict__[HELD]
        _hold(self)


def setblocking(self: Any, flag: bool, /) -> None:
    """Set the timeout to None if `flag` is true, else to 0.0. See `socket.socket.setblocking`."""
    _native.setblocking(self, flag)
    if HELD in self.__dict__:
        del self.__dict__[HELD]
        _hold(self)


def getblocking(self: Any) -> bool:
    """Return whether calls may wait. See `socket.socket.getblocking`."""
    return gettimeout(self) != 0.0


def _hold(sock: Any) -> float | None:
    """Store the user's timeout, set the C timeout to 0, and return the user's timeout."""
    timeout: float | None = sock.__dict__.get(HELD, _ABSENT)
    if timeout is _ABSENT:
        timeout = _native.gettimeout(sock)
        if timeout != 0.0:
            _native.settimeout(sock, 0.0)
            sock.__dict__[HELD] = timeout
    return timeout


def _release(sock: Any) -> None:
    """Set the C timeout to the user's again, for calls without TLS."""
    if HELD in sock.__dict__ and sock.fileno() >= 0:
        _native.settimeout(sock, sock.__dict__.pop(HELD))


# -- Waiting


def _until_done(
    sock: Any, event: int, limit: float | None, what: str, call: Callable[..., Any], *args: Any
) -> Any:
    """Call a method of the `_ssl._SSLSocket` until it does not have to wait. The deadline limits the whole call.

    event: the event that the call itself waits for, so that only one greenlet may wait for it; 0 if the call shares
    all its waits with other greenlets.
    """
    yield_if_due()
    try:
        deadline = 0.0
        while (wanted := _try(sock, limit, call, args)).__class__ is _Wanted:
            if not deadline:
                deadline = -1.0 if limit is None else monotonic() + limit
            left = None if deadline < 0.0 else deadline - monotonic()
            if (left is not None and left <= 0.0) or not _wait(sock, event, wanted.event, left):
                raise TimeoutError(f"The {what} operation timed out")
    except BaseException:
        _release(sock)
        raise
    if sock._sslobj is None:
        # Another greenlet has shut down the TLS layer meanwhile.
        _release(sock)
    return wanted


class _Wanted:
    """The result of `_try` for a call that has to wait."""

    __slots__ = ("event",)

    def __init__(self, event: int) -> None:
        self.event = event


_WANT_READ = _Wanted(READ)
_WANT_WRITE = _Wanted(WRITE)


def _try(sock: Any, limit: float | None, call: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Return ``call(*args)``, or a _Wanted. The wait is elsewhere, so that it does not keep the exception alive."""
    if limit != 0.0:
        # At each attempt, since another greenlet may have released it.
        _hold(sock)
    try:
        return call(*args)
    except SSLWantReadError:
        if limit == 0.0:
            raise
        return _WANT_READ
    except SSLWantWriteError:
        if limit == 0.0:
            raise
        return _WANT_WRITE


def _wait(sock: Any, event: int, wanted: int, timeout: float | None) -> int:
    if wanted == event:
        return park_on_socket(sock, sock.fileno(), wanted, timeout)
    # The other greenlet that uses the socket may wait for the same event.
    return park_on_fd(sock.fileno(), wanted, timeout)


# -- Calls


def do_handshake(self: Any, block: bool = False) -> None:
    """Do the TLS handshake. See `ssl.SSLSocket.do_handshake`."""
    self._check_connected()
    limit = gettimeout(self)
    if limit == 0.0 and block:
        limit = None
    _until_done(self, 0, limit, "handshake", self._sslobj.do_handshake)


def read(self: Any, len: int = 1024, buffer: Any = None) -> Any:
    """Read up to `len` bytes; b"" at the end. Fill `buffer`, if given; return the count. See `ssl.SSLSocket.read`."""
    self._checkClosed()
    if self._sslobj is None:
        raise ValueError("Read on closed or unwrapped SSL socket.")
    args = (len,) if buffer is None else (len, buffer)
    try:
        return _until_done(self, READ, gettimeout(self), "read", self._sslobj.read, *args)
    except SSLError as error:
        if error.args[0] == SSL_ERROR_EOF and self.suppress_ragged_eofs:
            return b"" if buffer is None else 0
        raise


def write(self: Any, data: Any) -> int:
    """Write `data`; return the number of bytes written. See `ssl.SSLSocket.write`."""
    self._checkClosed()
    if self._sslobj is None:
        raise ValueError("Write on closed or unwrapped SSL socket.")
    return _write(self, data)


def send(self: Any, data: Any, flags: int = 0) -> int:
    """Write `data`; return the number of bytes written. See `ssl.SSLSocket.send`."""
    if self._sslobj is None:
        return _stdlib_send(self, data, flags)
    self._checkClosed()
    if flags != 0:
        raise ValueError(f"non-zero flags not allowed in calls to send() on {self.__class__}")
    return _write(self, data)


_stdlib_send = _stdlib.SSLSocket.send


def _write(sock: Any, data: Any) -> int:
    # OpenSSL keeps a record that the kernel did not accept, and would send it as the second writer's.
    writer = sock.__dict__.get(WRITER)
    if writer is not None:
        raise ConcurrentObjectUseError(
            f"{sock!r} is being written by {writer!r}, and {current_or_last()!r} cannot write at the same time; use "
            "one greenlet to write, or share a lock"
        )
    sock.__dict__[WRITER] = current_or_last()
    try:
        return _until_done(sock, WRITE, gettimeout(sock), "write", sock._sslobj.write, data)  # type: ignore[no-any-return]
    finally:
        del sock.__dict__[WRITER]


def unwrap(self: Any) -> Any:
    """Shut down the TLS layer; return the socket, for use without TLS. See `ssl.SSLSocket.unwrap`."""
    if not self._sslobj:
        raise ValueError("No SSL wrapper around " + str(self))
    # The call reads or writes, as OpenSSL requires.
    sock = _until_done(self, 0, gettimeout(self), "read", self._sslobj.shutdown)
    self._sslobj = None
    _release(self)
    return sock


def shutdown(self: Any, how: int) -> None:
    """Shut down a direction of the connection, and stop using TLS. See `ssl.SSLSocket.shutdown`."""
    _release(self)
    _stdlib_shutdown(self, how)


def detach(self: Any, /) -> int:
    """Release the file descriptor without closing it. See `socket.socket.detach`."""
    _release(self)
    return _detach_plain(self)


# Patching sets these methods on the standard class; the green class has them too.
METHODS: dict[str, Any] = {
    "detach": detach,
    "do_handshake": do_handshake,
    "getblocking": getblocking,
    "gettimeout": gettimeout,
    "read": read,
    "send": send,
    "setblocking": setblocking,
    "settimeout": settimeout,
    "shutdown": shutdown,
    "timeout": property(gettimeout, doc="the socket timeout"),
    "unwrap": unwrap,
    "write": write,
}
