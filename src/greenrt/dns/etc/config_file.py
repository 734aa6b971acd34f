"""A configuration file that is read again after each change."""

import os
import stat
from collections.abc import Callable

from greenrt import _original
from greenrt._native.stamp import stamp
from greenrt._typing import Generic, TypeVar

__all__ = ["Reloaded"]

Parsed = TypeVar("Parsed")

# Larger than any sane file (bytes). The rest of a longer file is ignored.
MAX_SIZE = 1 << 20


class Reloaded(Generic[Parsed]):
    """The result of `parse` for the file `path`; `get` parses the file again if its stamp has changed.

    The stamp has device, inode, size, mtime and ctime, so an older file that replaces the file is noticed too. A
    missing, unreadable or irregular file counts as empty, as for the C library. Only the first `limit` bytes of a
    longer file count. Not thread-safe, but harmless in several threads: the file may be parsed twice.
    """

    def __init__(self, path: str, parse: Callable[[bytes], Parsed], limit: int = MAX_SIZE) -> None:
        self.path = path
        self.parse = parse
        self.limit = limit
        self._stamp: bytes | None = None
        self._parsed: tuple[Parsed] | None = None

    def get(self) -> Parsed:
        """Return the parsed contents of the current file."""
        found = stamp(self.path)
        parsed = self._parsed
        if parsed is None or found != self._stamp:
            parsed = (self.parse(self._read() if found else b""),)
            self._parsed = parsed
            self._stamp = found
        return parsed[0]

    def _read(self) -> bytes:
        try:
            # O_NONBLOCK: opening a FIFO does not wait for its writer.
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return b""
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return b""
            pieces = []
            left = self.limit
            while left > 0:
                piece = _original.read(fd, min(left, 1 << 20))
                if not piece:
                    break
                pieces.append(piece)
                left -= len(piece)
            return b"".join(pieces)
        except OSError:
            return b""
        finally:
            _original.close(fd)
