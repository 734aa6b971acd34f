"""A reserve of file descriptors that connections leave to the application."""

import os
import resource

from greenrt import _original

__all__ = ["ceiling", "is_crowded"]

# Connections leave a quarter of the process's descriptors free, but at most this many.
MOST_RESERVED = 256


def ceiling() -> int:
    """Return the lowest descriptor of the reserve: RLIMIT_NOFILE less the reserve's size."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        # This is larger than any descriptor.
        return 1 << 62
    return soft - min(soft // 4, MOST_RESERVED)


def is_crowded(fd: int) -> bool:
    """Return whether the next new descriptor would belong to the reserve; `fd` is any open descriptor.

    The kernel hands out the lowest free number.
    """
    try:
        probe = os.dup(fd)
    except OSError:
        return True
    _original.close(probe)
    return probe >= ceiling()
