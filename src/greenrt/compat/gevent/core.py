"""gevent.core: greenrt's loop and watchers under the names of libev's."""

from collections.abc import Callable, Iterable

from greenrt._events import READ, WRITE
from greenrt._hub.current_hub import on_main_thread
from greenrt._loop.backends import available
from greenrt._loop.callback import Callback as callback
from greenrt._loop.loop import Loop
from greenrt._loop.watchers.base import MAX_PRIORITY, MIN_PRIORITY, Watcher
from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = [
    "BACKEND_EPOLL",
    "BACKEND_KQUEUE",
    "BACKEND_POLL",
    "BACKEND_SELECT",
    "EVENTS",
    "MAXPRI",
    "MINPRI",
    "NONE",
    "READ",
    "READWRITE",
    "WRITE",
    "callback",
    "embeddable_backends",
    "get_header_version",
    "get_version",
    "loop",
    "recommended_backends",
    "supported_backends",
    "time",
    "watcher",
]

MAXPRI = MAX_PRIORITY
MINPRI = MIN_PRIORITY
NONE = 0
READWRITE = READ | WRITE
EVENTS = READWRITE

# libev's numbers.
BACKEND_SELECT = 1
BACKEND_POLL = 2
BACKEND_EPOLL = 4
BACKEND_KQUEUE = 8

_FLAGS = {
    "select": BACKEND_SELECT,
    "poll": BACKEND_POLL,
    "epoll": BACKEND_EPOLL,
    "kqueue": BACKEND_KQUEUE,
}
# libev's further backends and flags. greenrt has none of them, and needs none.
_WITHOUT_EFFECT = {
    "linux_aio",
    "linux_iouring",
    "devpoll",
    "port",
    "noenv",
    "forkcheck",
    "signalfd",
    "nosigmask",
}

watcher = Watcher


class _LoopType(type):
    """The class of `loop`: a loop of greenrt's is an instance of it."""

    def __instancecheck__(cls, thing: object) -> bool:
        return isinstance(thing, Loop)

    def __subclasscheck__(cls, kind: type) -> bool:
        return kind is cls or issubclass(kind, Loop)


class loop(metaclass=_LoopType):
    """``loop(flags=None, default=None)``: make a loop of greenrt's.

    flags: names of backends, best first: a list, a text with commas, or libev's numbers. ValueError for an unknown
    one. default: whether it is the loop that runs Python's signal handlers; None: if this is the main thread.
    """

    def __new__(cls, flags: Any = None, default: bool | None = None) -> Any:
        """Return a greenrt Loop."""
        return Loop(_backend(flags), default=on_main_thread() if default is None else bool(default))


def _backend(flags: Any) -> str | None:
    if flags is None or flags == "":
        return None
    if isinstance(flags, int):
        wanted: Iterable[str] = [name for name in available if flags & _FLAGS[name]]
    else:
        wanted = [
            str(name).strip().lower() for name in (flags.split(",") if isinstance(flags, str) else flags)
        ]
        for name in wanted:
            if name not in _FLAGS and name not in _WITHOUT_EFFECT:
                raise ValueError(f"Invalid backend or flag: {name}; use one of {', '.join(sorted(_FLAGS))}")
    return next((name for name in wanted if name in available), None)


def supported_backends() -> list[str]:
    """Return the names of the backends of this system, best first."""
    return list(available)


def recommended_backends() -> list[str]:
    """Return the names of the backends of this system, best first."""
    return list(available)


def embeddable_backends() -> list[str]:
    """Return the names of the backends whose descriptor another loop can watch."""
    return [name for name in available if name in ("epoll", "kqueue")]


def get_version() -> str:
    """Return the name and the version of the loop."""
    import greenrt

    return f"greenrt-{greenrt.__version__}"


def get_header_version() -> str:
    """Return the same as `get_version`."""
    return get_version()


def time() -> float:
    """Return the time of the system in seconds, as libev's clock does."""
    import time as _time

    return _time.time()


__getattr__: Callable[[str], Any] = missing_names(
    __name__,
    {
        name: f"the method loop.{name.rstrip('_')}() of get_hub().loop makes such a watcher"
        for name in ("io", "timer", "signal", "idle", "prepare", "check", "fork", "async_", "child", "stat")
    },
)
