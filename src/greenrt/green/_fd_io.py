# Compiled functions are builtin ones: classes don't bind them, as they don't bind what these replace.
# cython: binding=False, embedsignature=True, embedsignature.format=clinic
"""The functions of `os` that read, write and close file descriptors, cooperative.

No flag of an fd is changed. Regular files, directories and block devices are always ready: the call is the original
one. Pipes and sockets are read and written without waiting by preadv2(2) and pwritev2(2) with RWF_NOWAIT, where the
kernel can (Linux 6.4). Other fds, and older kernels, are asked for readiness with poll(2), and then written in pieces
of PIPE_BUF: there another process that reads the same fd at that moment can still make this one wait.

A write to a pipe, socket or terminal returns when all is written, as the kernel's does.
"""

import os
import select as _select
from collections.abc import Callable, Iterable
from errno import EAGAIN
from operator import index
from stat import S_IFBLK, S_IFDIR, S_IFREG

from greenrt import _original
from greenrt._hub.fd_wait import forget_fd, give_way, park_on_fd
from greenrt._loop.callback import READ, WRITE
from greenrt._native.nowait import kind_of, read_now, readv_now, write_now
from greenrt._native.switch import is_finalizing
from greenrt._typing import Any
from greenrt.green._fds import POLLIN, POLLOUT, ready_for
from greenrt.green._twin import standing

__all__ = ["FUNCTIONS", "may_wait", "read", "readv", "write"]

ALWAYS_READY = (S_IFREG, S_IFDIR, S_IFBLK)
# Of eventfd, timerfd and their like.
NO_KIND = 0

_PIECE: int = getattr(_select, "PIPE_BUF", 512)
# Of a read, which may be for more than will ever come at once.
_MOST = 1 << 20

# C variables, where this is compiled: finalizers close and write files when modules have lost their names.
_close = _original.close
_read = _original.read
_write = _original.write


def may_wait(fd: int) -> bool:
    """Tell whether a read or write of the fd may have to wait: not for files on disk."""
    return kind_of(fd) not in ALWAYS_READY


def _until_done(fd: int, event: int, attempt: Callable[..., Any], *args: Any) -> Any:
    """Call `attempt` until it returns something else than None for "not ready"."""
    while (result := attempt(fd, *args)) is None:
        _wait(fd, event)
    return result


def _wait(fd: int, event: int) -> None:
    if not os.get_blocking(fd):
        raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))
    park_on_fd(fd, event, None)


# -- Reading


def read(fd: int, length: int, /) -> bytes:
    """Read at most `length` bytes; b"" at the end. See `os.read`."""
    if is_finalizing() or length <= 0 or not may_wait(fd):
        return _read(fd, length)
    give_way()
    return _until_done(fd, READ, _read_now, length)  # type: ignore[no-any-return]


def _read_now(fd: int, length: int) -> bytes | None:
    found = read_now(fd, length if length < _MOST else _MOST)
    if found is NotImplemented:
        return _read(fd, length) if ready_for(fd, POLLIN) else None
    return found  # type: ignore[no-any-return]


def readv(fd: int, buffers: Any, /) -> int:
    """Read into several buffers; return the number of bytes. See `os.readv`."""
    if not may_wait(fd) or not _can_take(buffers):
        return _original.readv(fd, buffers)  # type: ignore[no-any-return]
    return _readv(fd, buffers)


def _readv(fd: int, buffers: Any) -> int:
    give_way()
    return _until_done(fd, READ, _readv_now, buffers)  # type: ignore[no-any-return]


def _can_take(buffers: Any) -> bool:
    """Tell whether a read into `buffers` may wait: not if they have no room, or if one of them is no buffer."""
    try:
        views = [memoryview(buffer) for buffer in buffers]
    except (TypeError, ValueError, BufferError):
        return False
    usable = all(view.c_contiguous and not view.readonly for view in views)
    return usable and any(view.nbytes for view in views)


def _readv_now(fd: int, buffers: Any) -> int | None:
    count = readv_now(fd, buffers)
    if count is NotImplemented:
        return _original.readv(fd, buffers) if ready_for(fd, POLLIN) else None
    return count  # type: ignore[no-any-return]


def readinto(fd: int, buffer: Any, /) -> int:
    """Read into `buffer`; return the number of bytes. See `os.readinto`."""
    if not may_wait(fd) or not _can_take((buffer,)):
        return _original.readinto(fd, buffer)  # type: ignore[no-any-return]
    return _readv(fd, [buffer])


def preadv(fd: int, buffers: Any, offset: int, flags: int = 0, /) -> int:
    """Read into several buffers; only at the current position (-1) this may wait. See `os.preadv`."""
    if offset != -1 or flags:
        return _original.preadv(fd, buffers, offset, flags)  # type: ignore[no-any-return]
    if not may_wait(fd) or not _can_take(buffers):
        return _original.preadv(fd, buffers, offset)  # type: ignore[no-any-return]
    return _readv(fd, buffers)


# -- Writing


def write(fd: int, data: Any, /) -> int:
    """Write `data`; return how much was written: all, unless the fd is non-blocking. See `os.write`."""
    if is_finalizing():
        return _write(fd, data)
    kind = kind_of(fd)
    view = memoryview(data)
    if kind in ALWAYS_READY or not view.nbytes or not view.c_contiguous:
        return _write(fd, data)
    give_way()
    return _write_all(fd, view.cast("B"), kind)


def _write_all(fd: int, view: memoryview, kind: int) -> int:
    size = len(view)
    sent = 0
    while True:
        try:
            count = _write_now(fd, view, sent)
        except OSError:
            if not sent:
                raise
            # As write(2): the error comes again with the next call.
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
        return _write(fd, piece) if ready_for(fd, POLLOUT) else None
    return count  # type: ignore[no-any-return]


def writev(fd: int, buffers: Any, /) -> int:
    """Write several buffers; return how much was written, as `write`. See `os.writev`."""
    kind = kind_of(fd)
    if kind in ALWAYS_READY or not isinstance(buffers, Iterable):
        return _original.writev(fd, buffers)  # type: ignore[no-any-return]
    buffers = list(buffers)
    data = b"".join(buffers)
    if not data:
        return _original.writev(fd, buffers)  # type: ignore[no-any-return]
    give_way()
    return _write_all(fd, memoryview(data), kind)


def pwritev(fd: int, buffers: Any, offset: int, flags: int = 0, /) -> int:
    """Write several buffers; only at the current position (-1) this may wait. See `os.pwritev`."""
    if offset != -1 or flags:
        return _original.pwritev(fd, buffers, offset, flags)  # type: ignore[no-any-return]
    return writev(fd, buffers) if may_wait(fd) else _original.pwritev(fd, buffers, offset)


# -- The end of an fd


def close(fd: int) -> None:
    """Close an fd, after waking its waiters. See `os.close`."""
    if not is_finalizing():
        forget_fd(index(fd))
    _close(fd)


def dup2(fd: int, fd2: int, inheritable: bool = True) -> int:
    """Duplicate `fd` as `fd2`, whose waiters are woken: it is closed first. See `os.dup2`."""
    if fd != fd2:
        forget_fd(index(fd2))
    return _original.dup2(fd, fd2, inheritable)


# What patching replaces in `os`.
FUNCTIONS: dict[str, Any] = standing(
    os,
    close=close,
    dup2=dup2,
    preadv=preadv,
    pwritev=pwritev,
    read=read,
    readinto=readinto,
    readv=readv,
    write=write,
    writev=writev,
)
