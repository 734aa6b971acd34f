"""Backends, through which a loop asks the kernel for ready file descriptors. `base.Backend` is their interface."""

import os
import select

from greenrt._loop.backends.base import Backend

__all__ = ["available", "backend_class"]

# The names of the backends of this system, best first.
available = [name for name in ("epoll", "kqueue", "poll", "select") if hasattr(select, name)]


def backend_class(name: str | None = None) -> type[Backend]:
    """Import and return the class of the backend `name`; the default is ``GREENRT_BACKEND``, else the best one.

    Raises ValueError if this system has no backend of that name.
    """
    name = name or os.environ.get("GREENRT_BACKEND") or available[0]
    if name not in available:
        raise ValueError(
            f"backend {name!r} is not available on this system; use one of: {', '.join(available)}"
        )
    if name == "epoll":
        from greenrt._loop.backends.epoll import EpollBackend

        return EpollBackend
    from greenrt._loop.backends import polls

    return {"kqueue": polls.KqueueBackend, "poll": polls.PollBackend, "select": polls.SelectBackend}[name]
