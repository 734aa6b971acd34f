"""The standard library's `os` module, cooperative: what waits for fds and children suspends the greenlet only."""

# The names of the standard module are defined anew, which is the point.
# mypy: disable-error-code="no-redef,assignment"

import os as _stdlib
from os import *  # noqa: F403

from greenrt._typing import Any
from greenrt.green import _children, _fd_io, _fd_transfer, _fifo

__all__ = list(_stdlib.__all__)

# What patching replaces in the standard module's dict.
FUNCTIONS: dict[str, Any] = {
    **_fd_io.FUNCTIONS,
    **_children.FUNCTIONS,
    **_fifo.FUNCTIONS,
    **_fd_transfer.FUNCTIONS,
}

globals().update(FUNCTIONS)


def __getattr__(name: str) -> Any:
    # What the standard module has without exporting it.
    return getattr(_stdlib, name)
