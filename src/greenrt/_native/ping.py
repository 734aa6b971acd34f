"""A write that wakes a sleeping loop (plain twin: it lets go of the GIL, as os.write does)."""

from greenrt import _original

__all__ = ["ping"]


def ping(fd: int) -> None:
    """Make `fd`, the non-blocking write end of a pipe or an eventfd(2), readable for its reader.

    No error: if it is full it is readable already, and a closed one has no reader.
    """
    try:
        # Eight bytes: an eventfd takes no less, a pipe does not mind.
        _original.write(fd, b"\1\0\0\0\0\0\0\0")
    except OSError:
        pass
