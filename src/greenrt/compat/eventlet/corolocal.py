"""eventlet.corolocal: attributes that each greenthread has of its own."""

from collections.abc import Callable

from greenlet import getcurrent

import greenrt
from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = ["get_ident", "local"]

local = greenrt.local


def get_ident() -> int:
    """Return the `id` of the current greenthread."""
    return id(getcurrent())


__getattr__: Callable[[str], Any] = missing_names(__name__)
