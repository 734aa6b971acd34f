"""eventlet.corolocal: attributes that each greenthread has of its own."""

from greenlet import getcurrent

import greenrt

__all__ = ["get_ident", "local"]

local = greenrt.local


def get_ident() -> int:
    """Return the `id` of the current greenthread."""
    return id(getcurrent())
