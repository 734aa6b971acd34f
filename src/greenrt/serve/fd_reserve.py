"""A reserve of file descriptors: connections leave some to the application."""

import os
import resource

from greenrt import _original

__all__ = ["ceiling", "is_crowded"]

# Of the descriptors a process may have, connections leave a quarter, and no more than this.
MOST_RESERVED = 256


def ceiling() -> int:
    """Return the number from which on descriptors are the reserve: RLIMIT_NOFILE less a part of it."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        # Larger than any descriptor.
        return 1 << 62
    return soft - min(soft // 4, MOST_RESERVED)


def is_crowded(fd: int) -> bool:
    """Tell whether a new descriptor would be one of the reserve. The kernel hands out the lowest that is free.

    `fd`: any that is open.
    """
    try:
        probe = os.dup(fd)
    except OSError:
        return True
    _original.close(probe)
    return probe >= ceiling()
