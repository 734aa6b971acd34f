# Compiled as builtin functions: a class does not bind them, as it does not bind the functions that these replace.
# cython: binding=False, embedsignature=True, embedsignature.format=clinic
"""The functions of `os` that read, write and close file descriptors, cooperative.

No flag of a file descriptor is changed. Regular files, directories and block devices are always ready: the original
function is called. Pipes and sockets are read and written without waiting by preadv2(2) and pwritev2(2) with
RWF_NOWAIT, if the kernel supports that (Linux 6.4). For other descriptors and older kernels, poll(2) checks
readiness, and writes have pieces of PIPE_BUF bytes. There, another process that reads the same descriptor at the same
moment can still make a call block.

A write to a pipe, socket or terminal returns when all bytes are written, as the kernel's does. Sockets with options
such as SO_RCVTIMEO are read and written by the calls of sockets.
"""

import os
import select as _select
from collections.abc import Callable, Iterable
from errno import EAGAIN
from operator import index
from stat import S_IFBLK, S_IFDIR, S_IFREG

from greenrt import _original
from greenrt._events import READ, WRITE
from greenrt._hub.fd_wait import forget_fd, park_on_fd, poll_fd, yield_if_due
from greenrt._native.nowait import kind_of, read_now, readv_now, write_now
from greenrt._native.switch import is_finalizing
from greenrt._native.unbound import unbound
from greenrt._typing import Any
from greenrt.green import _socket_fds
from greenrt.green._fds import POLLIN, POLLOUT
from greenrt.green._socket_options import has_special, special
from greenrt.green._twin import supported

__all__ = ["FUNCTIONS", "may_wait", "read", "readv", "write"]

ALWAYS_READY = (S_IFREG, S_IFDIR, S_IFBLK)
# The file type of eventfd, timerfd and similar descriptors.
NO_KIND = 0

_PIECE: int = getattr(_select, "PIPE_BUF", 512)
# Limit of one read (bytes): a caller may ask for more than can ever arrive at once.
_MOST = 1 << 20

# C variables in the compiled build: finalizers close and write files after modules have lost their names. In the
# plain build, `unbound` makes the original calls then.
_close = _original.close
_read = _original.read
_write = _original.write


def may_wait(fd: int) -> bool:
    """Return whether a read or write of `fd` may have to wait. Files on disk never do."""
    return kind_of(fd) not in ALWAYS_READY


def _until_done(fd: int, event: int, attempt: Callable[..., Any], *args: Any) -> Any:
    """Call `attempt` until its result is not None, which means "not ready"."""
    while (result := attempt(fd, *args)) is None:
        _wait(fd, event)
    return result


def _wait(fd: int, event: int) -> None:
    if not os.get_blocking(fd):
        raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))
    park_on_fd(fd, event, None)


# -- Reading


def read(fd: int, length: int, /) -> bytes:
    """Read at most `length` bytes; return b"" at the end of the file. See `os.read`."""
    if is_finalizing() or length <= 0 or not may_wait(fd):
        return _read(fd, length)
    if special and has_special(fd):
        return _socket_fds.read(fd, min(length, _MOST))
    yield_if_due()
    return _until_done(fd, READ, _read_now, length)  # type: ignore[no-any-return]


def _read_now(fd: int, length: int) -> bytes | None:
    found = read_now(fd, length if length < _MOST else _MOST)
    if found is NotImplemented:
        return _read(fd, length) if poll_fd(fd, POLLIN) else None
    return found  # type: ignore[no-any-return]


def readv(fd: int, buffers: Any, /) -> int:
    """Read into several buffers; return the number of bytes. See `os.readv`."""
    if not may_wait(fd) or not _can_take(buffers):
        return _original.readv(fd, buffers)  # type: ignore[no-any-return]
    return _readv(fd, buffers)


def _readv(fd: int, buffers: Any) -> int:
    if special and has_special(fd):
        return _socket_fds.readv(fd, buffers)
    yield_if_due()
    return _until_done(fd, READ, _readv_now, buffers)  # type: ignore[no-any-return]


def _can_take(buffers: Any) -> bool:
    """Return whether a read into `buffers` may wait. It does not if they are empty, or if one is not a buffer."""
    try:
        views = [memoryview(buffer) for buffer in buffers]
    except (TypeError, ValueError, BufferError):
        return False
    usable = all(view.c_contiguous and not view.readonly for view in views)
    return usable and any(view.nbytes for view in views)


def _readv_now(fd: int, buffers: Any) -> int | None:
    count = readv_now(fd, buffers)
    if count is NotImplemented:
        return _original.readv(fd, buffers) if poll_fd(fd, POLLIN) else None
    return count  # type: ignore[no-any-return]


def readinto(fd: int, buffer: Any, /) -> int:
    """Read into `buffer`; return the number of bytes. See `os.readinto`."""
    if not may_wait(fd) or not _can_take((buffer,)):
        return _original.readinto(fd, buffer)  # type: ignore[no-any-return]
    return _readv(fd, [buffer])


def preadv(fd: int, buffers: Any, offset: int, flags: int = 0, /) -> int:
    """Read into several buffers. Only a read at the current position (-1) may wait. See `os.preadv`."""
    if offset != -1 or flags:
        return _original.preadv(fd, buffers, offset, flags)  # type: ignore[no-any-return]
    if not may_wait(fd) or not _can_take(buffers):
        return _original.preadv(fd, buffers, offset)  # type: ignore[no-any-return]
    return _readv(fd, buffers)


# -- Writing


def write(fd: int, data: Any, /) -> int:
    """Write `data`; return how many bytes were written: all, unless the fd is non-blocking. See `os.write`."""
    if is_finalizing():
        return _write(fd, data)
    kind = kind_of(fd)
    view = memoryview(data)
    if kind in ALWAYS_READY or not view.nbytes or not view.c_contiguous:
        return _write(fd, data)
    return _write_all(fd, view.cast("B"), kind)


def _write_all(fd: int, view: memoryview, kind: int) -> int:
    if special and has_special(fd):
        return _socket_fds.write(fd, view)
    yield_if_due()
    size = len(view)
    sent = 0
    while True:
        try:
            count = _write_now(fd, view, sent)
        except OSError:
            if not sent:
                raise
            # As in write(2): the next call reports the error.
            return sent
        if count is not None:
            sent += count
            if sent == size or kind == NO_KIND:
                return sent
        elif sent and not os.get_blocking(fd):
            return sent
        else:
            _wait(fd, WRITE)


def _write_now(fd: int, view: memoryview, start: int) -> int | None:
    count = write_now(fd, view, start)
    if count is NotImplemented:
        piece = view[start : start + _PIECE]
        return _write(fd, piece) if poll_fd(fd, POLLOUT) else None
    return count  # type: ignore[no-any-return]


def writev(fd: int, buffers: Any, /) -> int:
    """Write several buffers; return how many bytes were written, as `write`. See `os.writev`."""
    kind = kind_of(fd)
    if kind in ALWAYS_READY or not isinstance(buffers, Iterable):
        return _original.writev(fd, buffers)  # type: ignore[no-any-return]
    buffers = list(buffers)
    data = b"".join(buffers)
    if not data:
        return _original.writev(fd, buffers)  # type: ignore[no-any-return]
    return _write_all(fd, memoryview(data), kind)


def pwritev(fd: int, buffers: Any, offset: int, flags: int = 0, /) -> int:
    """Write several buffers. Only a write at the current position (-1) may wait. See `os.pwritev`."""
    if offset != -1 or flags:
        return _original.pwritev(fd, buffers, offset, flags)  # type: ignore[no-any-return]
    return writev(fd, buffers) if may_wait(fd) else _original.pwritev(fd, buffers, offset)


# -- Closing


def close(fd: int) -> None:
    """Wake up the waiters of a file descriptor, and close it. See `os.close`."""
    if not is_finalizing():
        forget_fd(index(fd))
    _close(fd)


def dup2(fd: int, fd2: int, inheritable: bool = True) -> int:
    """Duplicate `fd` as `fd2`. This closes `fd2` first, so its waiters wake up. See `os.dup2`."""
    if fd != fd2:
        forget_fd(index(fd2))
    return _original.dup2(fd, fd2, inheritable)


# The functions that patching replaces in `os`.
FUNCTIONS: dict[str, Any] = supported(
    os,
    close=unbound(close, _close),
    dup2=dup2,
    preadv=preadv,
    pwritev=pwritev,
    read=unbound(read, _read),
    readinto=readinto,
    readv=readv,
    write=unbound(write, _write),
    writev=writev,
)
