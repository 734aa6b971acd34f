"""The backends: how a loop asks the kernel which fds are ready. The interface is `base.Backend`."""

import select

from greenrt._loop.backends.base import Backend

__all__ = ["available", "default_backend", "make_backend"]

# Best first.
available = [name for name in ("epoll", "kqueue", "poll", "select") if hasattr(select, name)]

default_backend = available[0]


def make_backend(name: str) -> Backend:
    """Return a new backend; ValueError if there is none of that name here."""
    if name not in available:
        raise ValueError(f"no backend {name!r} on this system; there are: {', '.join(available)}")
    if name == "epoll":
        from greenrt._loop.backends.epoll import EpollBackend

        return EpollBackend()
    from greenrt._loop.backends import polls

    return {"kqueue": polls.KqueueBackend, "poll": polls.PollBackend, "select": polls.SelectBackend}[name]()
