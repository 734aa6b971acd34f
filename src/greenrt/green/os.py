"""The standard library's `os` module, cooperative: waits for descriptors and children suspend only the greenlet."""

# This module redefines the names of the standard module on purpose.
# mypy: disable-error-code="no-redef,assignment"

import os as _stdlib
from os import *  # noqa: F403

from greenrt._hub.park import yield_now
from greenrt._typing import Any
from greenrt.green import _children, _fd_io, _fd_transfer, _fifo
from greenrt.green._twin import public_names, supported

__all__ = public_names(_stdlib)


def sched_yield() -> None:
    """Let other greenlets run; without a hub, other threads. See `os.sched_yield`."""
    yield_now()


# The functions that patching replaces in the standard module's dict.
FUNCTIONS: dict[str, Any] = {
    **_fd_io.FUNCTIONS,
    **_children.FUNCTIONS,
    **_fifo.FUNCTIONS,
    **_fd_transfer.FUNCTIONS,
    **supported(_stdlib, sched_yield=sched_yield),
}

globals().update(FUNCTIONS)


def __getattr__(name: str) -> Any:
    # A name of the standard module that it does not export.
    return getattr(_stdlib, name)
