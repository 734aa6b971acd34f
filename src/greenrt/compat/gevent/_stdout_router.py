"""`sys.stdout` and `sys.stderr` that differ between greenlets."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from greenrt._typing import Any

__all__ = ["output_to"]

# The stream of the running greenlet. Greenlets that it spawns have it too, by their copy of the context.
_stream: ContextVar[Any] = ContextVar("greenrt.compat.gevent output", default=None)


class _Router:
    """Stands for a stream of `sys`: passes on to the stream of the running greenlet, if it has one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.original: Any = getattr(sys, name)
        self.users = 0

    def __getattr__(self, name: str) -> Any:
        stream = _stream.get()
        return getattr(self.original if stream is None else stream, name)


@contextmanager
def output_to(stream: Any) -> Iterator[None]:
    """Send what the running greenlet prints in the block to `stream`; other greenlets keep the streams of `sys`."""
    routers = [_enter(name) for name in ("stdout", "stderr")]
    token = _stream.set(stream)
    try:
        yield
    finally:
        _stream.reset(token)
        for router in routers:
            _leave(router)


def _enter(name: str) -> _Router:
    found = getattr(sys, name)
    router = found if isinstance(found, _Router) else _Router(name)
    router.users += 1
    setattr(sys, name, router)
    return router


def _leave(router: _Router) -> None:
    router.users -= 1
    # The program may have put another stream there meanwhile.
    if not router.users and getattr(sys, router.name) is router:
        setattr(sys, router.name, router.original)
