"""The backends: how a loop asks the kernel which fds are ready. The interface is `base.Backend`."""

import os
import select

from greenrt._loop.backends.base import Backend

__all__ = ["available", "backend_class"]

# Best first.
available = [name for name in ("epoll", "kqueue", "poll", "select") if hasattr(select, name)]


def backend_class(name: str | None = None) -> type[Backend]:
    """Return the class of the backend `name`, by default ``GREENRT_BACKEND`` or the best; imports it.

    ValueError if there is none of that name here.
    """
    name = name or os.environ.get("GREENRT_BACKEND") or available[0]
    if name not in available:
        raise ValueError(f"no backend {name!r} on this system; there are: {', '.join(available)}")
    if name == "epoll":
        from greenrt._loop.backends.epoll import EpollBackend

        return EpollBackend
    from greenrt._loop.backends import polls

    return {"kqueue": polls.KqueueBackend, "poll": polls.PollBackend, "select": polls.SelectBackend}[name]
