"""A stamp of a file's state, which tells its reader whether to read the file again (plain twin)."""

import os
import struct

__all__ = ["stamp"]

_LOOK = struct.Struct("=QQqqq")


def stamp(path: str) -> bytes:
    """Return bytes that change if the file `path` changes: device, inode, size, mtime and ctime, from stat(2).

    path: without a null byte; it is encoded in UTF-8. Returns an empty object if stat(2) fails for any reason.
    """
    try:
        found = os.stat(path)
    except OSError:
        return b""
    return _LOOK.pack(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
