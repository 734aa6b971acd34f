"""How a file looks now, so that its reader knows whether to read it again (plain twin)."""

import os
import struct

__all__ = ["stamp"]

_LOOK = struct.Struct("=QQqqq")


def stamp(path: str) -> bytes:
    """Return what changes when the file `path` does: device, inode, size, mtime and ctime; empty if there is none.

    path: in UTF-8, without a null byte. No file and a path that cannot be followed look the same. Source: stat(2).
    """
    try:
        found = os.stat(path)
    except OSError:
        return b""
    return _LOOK.pack(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
