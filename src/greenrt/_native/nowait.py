"""Reads and writes of file descriptors that never wait, and the file type of a descriptor (plain twin)."""

import os
from errno import EAGAIN, EINVAL, ENOSYS, EOPNOTSUPP, ESPIPE
from stat import S_IFMT, S_IFREG

from greenrt import _original
from greenrt._typing import Any

__all__ = ["has_writer", "kind_of", "read_now", "readv_now", "write_now"]

# Missing where the C library has no preadv2.
NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)
_NOT_SUPPORTED = (EOPNOTSUPP, EINVAL, ENOSYS, ESPIPE)


def kind_of(fd: Any) -> int:
    """Return the file type of an fd, one of stat's ``S_IF…``; S_IFREG if `fd` is not an open fd.

    For a regular file the caller makes the original system call, which then raises the error.
    """
    try:
        return S_IFMT(os.fstat(fd).st_mode)
    except (OSError, TypeError, OverflowError):
        return S_IFREG


def read_now(fd: int, size: int) -> Any:
    """Read at most `size` bytes, by preadv2(2) with RWF_NOWAIT, and return them.

    Returns None if the read would wait, and NotImplemented if the file or the kernel does not support RWF_NOWAIT.
    Raises OSError as read(2) does.
    """
    buffer = bytearray(size)
    count = readv_now(fd, [buffer])
    return bytes(memoryview(buffer)[:count]) if isinstance(count, int) else count


def readv_now(fd: int, buffers: Any) -> Any:
    """Read into `buffers` and return the number of bytes; None, NotImplemented and OSError as for `read_now`."""
    return _attempt(os.preadv, fd, buffers) if NOWAIT else NotImplemented


def write_now(fd: int, data: Any, start: int) -> Any:
    """Write the bytes of `data` from offset `start` on, by pwritev2(2) with RWF_NOWAIT; return how many were written.

    Returns None or NotImplemented as `read_now` does. Raises OSError as write(2) does, and TypeError if `data` is not
    contiguous.
    """
    return _attempt(os.pwritev, fd, [memoryview(data).cast("B")[start:]]) if NOWAIT else NotImplemented


def _attempt(call: Any, fd: int, buffers: Any) -> Any:
    try:
        return call(fd, buffers, -1, NOWAIT)
    except BlockingIOError:
        return None
    except OSError as error:
        if error.errno in _NOT_SUPPORTED:
            return NotImplemented
        raise


def has_writer(fd: int, scratch: int) -> bool:
    """Return whether a pipe has data or a writer, by tee(2), which removes no data.

    scratch: the write end of an empty pipe, which may hold a byte afterwards. Raises OSError as tee(2) does.
    """
    ctypes = _original.late_module("ctypes")
    count = ctypes.CDLL(None, use_errno=True).tee(fd, scratch, 1, os.SPLICE_F_NONBLOCK)
    if count >= 0:
        return bool(count)
    error = ctypes.get_errno()
    if error == EAGAIN:
        return True
    raise OSError(error, os.strerror(error))
