"""High numbers for greenrt's own file descriptors, so that they do not collide with the program's."""

import fcntl

from greenrt import _original

__all__ = ["duplicate_high", "move_high", "release"]

# The lowest number. A program that closes a standard stream, or any fd, may expect the next open to return the same
# number, and a daemon closes and replaces the lowest ones. The first wait creates the hub, and that wait may happen
# between the close and the open.
_LOWEST = 100


def duplicate_high(fd: int) -> int:
    """Return a duplicate of `fd` with a high number, or -1 if none is free. exec closes it."""
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LOWEST)
    except OSError:
        return -1


def move_high(fd: int) -> int:
    """Move `fd` to a high number; return the new number, or the old one if none is free."""
    moved = duplicate_high(fd)
    if moved < 0:
        return fd
    release(fd)
    return moved


def release(fd: int) -> None:
    """Close one of greenrt's own fds; ignore errors."""
    try:
        _original.close(fd)
    except OSError:
        # Linux closes the fd even if close(2) reports an error.
        pass
