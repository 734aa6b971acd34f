"""Socket options that change when the kernel's blocking calls return, and the set of sockets that have one.

SO_RCVLOWAT, SO_RCVTIMEO, SO_SNDTIMEO and SO_LINGER affect calls that wait inside the kernel. Green calls never do:
`_socket_waits`, `_receive_target` and `_socket_life` implement these options. Only descriptors in `special` need the
system calls that read the options, so other sockets pay nothing.

Patching checks all existing sockets, and a socket object that is created for a file descriptor checks that one.
Options that a C library sets later stay unnoticed until the next `setsockopt` of one of them. Sources: socket(7),
Linux's net/core/sock.c.
"""

import _socket
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from stat import S_IFSOCK

from greenrt._events import READ
from greenrt._native.nowait import kind_of
from greenrt._typing import Any

__all__ = [
    "borrowed",
    "has_special",
    "lingers",
    "low_mark",
    "note",
    "note_existing",
    "setsockopt",
    "special",
    "time_limit",
]

# File descriptors of sockets that may have one of the options. A closed socket's number may stay until it is reused.
special: set[int] = set()

_native = _socket.socket
_SOCKET: int = _socket.SOL_SOCKET
_LOW_MARK: int = _socket.SO_RCVLOWAT
_LINGER: int = _socket.SO_LINGER
_RECEIVE_LIMIT: int = _socket.SO_RCVTIMEO
_SEND_LIMIT: int = _socket.SO_SNDTIMEO
# SO_RCVTIMEO_NEW and SO_SNDTIMEO_NEW of Linux set the same limits in another format.
_NOTED = (_LOW_MARK, _LINGER, _RECEIVE_LIMIT, _SEND_LIMIT, 66, 67)

_TIMEVAL = struct.Struct("@ll")
_ON_AND_SECONDS = struct.Struct("@ii")


def setsockopt(self: Any, *args: Any) -> None:
    """``setsockopt(level, optname, value)``: set an option. See `socket.socket.setsockopt`."""
    _native.setsockopt(self, *args)
    if args[0] == _SOCKET and args[1] in _NOTED:
        note(self)


def note(sock: Any) -> None:
    """Update `special` for this socket, whose options may have changed."""
    fd = sock.fileno()
    try:
        special_now = (
            low_mark(sock) > 1 or time_limit(sock, READ) >= 0.0 or time_limit(sock, 2) >= 0.0 or lingers(sock)
        )
    except OSError:
        # Not a socket, or a socket of a family without these options.
        special_now = False
    if special_now:
        special.add(fd)
    else:
        special.discard(fd)


def note_existing() -> None:
    """Update `special` for all sockets of the process, since they may be older than the patching."""
    try:
        numbers = os.listdir("/dev/fd")
    except OSError:
        return
    for number in map(int, numbers):
        # An OSError means that the descriptor has been closed: for instance that of the directory.
        with suppress(OSError):
            if kind_of(number) == S_IFSOCK:
                with borrowed(number) as sock:
                    note(sock)


@contextmanager
def borrowed(fd: int) -> Iterator[Any]:
    """Lend a socket object for `fd`, which stays open and keeps its mode. Raise OSError if it is no socket."""
    blocking = os.get_blocking(fd)
    sock = _native(fileno=fd)
    try:
        # The object may have begun with the default timeout of new sockets, which made the descriptor non-blocking.
        sock.settimeout(None if blocking else 0.0)
        yield sock
    finally:
        sock.detach()


def has_special(fd: int) -> bool:
    """Return whether `fd` is a socket that may have one of the options."""
    return fd in special and kind_of(fd) == S_IFSOCK


def low_mark(sock: Any) -> int:
    """Return the number of bytes that a blocking read waits for (SO_RCVLOWAT)."""
    return _native.getsockopt(sock, _SOCKET, _LOW_MARK)


def time_limit(sock: Any, event: int) -> float:
    """Return the kernel's limit for blocking reads or writes (SO_RCVTIMEO, SO_SNDTIMEO) in seconds; -1.0: none."""
    option = _RECEIVE_LIMIT if event == READ else _SEND_LIMIT
    seconds, microseconds = _TIMEVAL.unpack(_native.getsockopt(sock, _SOCKET, option, _TIMEVAL.size))
    return seconds + microseconds / 1e6 if seconds or microseconds else -1.0


def lingers(sock: Any) -> bool:
    """Return whether close(2) waits until the peer has acknowledged all data (SO_LINGER)."""
    on, seconds = _ON_AND_SECONDS.unpack(_native.getsockopt(sock, _SOCKET, _LINGER, _ON_AND_SECONDS.size))
    return bool(on) and seconds > 0
