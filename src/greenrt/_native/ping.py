"""A write that wakes up a sleeping loop (plain twin: it releases the GIL, as os.write does)."""

from greenrt import _original

__all__ = ["ping"]


def ping(fd: int) -> None:
    """Make `fd`, the non-blocking write end of a pipe or an eventfd(2), readable for its reader.

    Ignores errors: a full pipe is readable already, and a closed one has no reader.
    """
    try:
        # An eventfd requires eight bytes; a pipe accepts them.
        _original.write(fd, b"\1\0\0\0\0\0\0\0")
    except OSError:
        pass
