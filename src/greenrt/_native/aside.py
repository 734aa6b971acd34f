"""Where greenrt's own fds have their numbers: out of the way of the program's."""

import fcntl

from greenrt import _original

__all__ = ["duplicate_aside", "release", "set_aside"]

# A program that closes a standard stream, or any fd, may count on getting its number with the next open, and a daemon
# closes and replaces the lowest ones. The hub appears at the first wait, which may be in between.
_ASIDE = 100


def duplicate_aside(fd: int) -> int:
    """Return a duplicate of `fd` with a number out of the way, or -1 if none is free."""
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _ASIDE)
    except OSError:
        return -1


def set_aside(fd: int) -> int:
    """Move `fd` out of the way: return its new number, or the old one if none is free."""
    moved = duplicate_aside(fd)
    if moved < 0:
        return fd
    release(fd)
    return moved


def release(fd: int) -> None:
    """Close an fd of greenrt's own."""
    try:
        _original.close(fd)
    except OSError:
        # Linux closes it whatever it then says (close(2)).
        pass
