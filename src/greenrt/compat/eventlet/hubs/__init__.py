"""eventlet.hubs: the hub of the thread, and waits for file descriptors."""

import os
import warnings
from collections.abc import Callable

import greenrt
from greenrt._hub.fd_wait import park_on_fd
from greenrt._hub.park import in_hub
from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from ..greenthread import thrown
from ..timeout import Timeout
from . import timer
from .hub import Hub, IOClosed

__all__ = [
    "HubError",
    "IOClosed",
    "get_default_hub",
    "get_hub",
    "notify_close",
    "notify_opened",
    "trampoline",
    "use_hub",
]

# The hubs of eventlet that greenrt's hub replaces. A program may ask for them without a warning.
_KNOWN = ("epolls", "kqueue", "poll", "selects")
# The names that a warning has been given for.
_warned: set[str] = set()


class HubError(Exception):
    """Eventlet raises this if no hub is available. greenrt has one always."""


def get_hub() -> Hub:
    """Return eventlet's view of the hub of this thread."""
    runtime: Any = greenrt.get_hub()
    view = runtime.__dict__.get("_eventlet_view")
    if view is None:
        _check_environment()
        view = runtime.__dict__["_eventlet_view"] = Hub(runtime)
    return view  # type: ignore[no-any-return]


timer.find_hub = get_hub


def _check_environment() -> None:
    wanted = os.environ.get("EVENTLET_HUB")
    if wanted:
        use_hub(wanted)


def get_default_hub() -> Any:
    """Return the module `eventlet.hubs.hub`, whose `Hub` is the only class of hubs."""
    from . import hub

    return hub


def use_hub(mod: Any = None) -> None:
    """Accept a choice of eventlet's: greenrt has one hub, over epoll.

    Names of eventlet's other hubs have no effect. ``"asyncio"`` raises HubError. Another name, a module or a class
    gives a warning, once.
    """
    if isinstance(mod, str) and not mod.strip():
        raise RuntimeError("Need to specify a hub")
    if mod is None or mod in _KNOWN:
        return
    if mod == "asyncio":
        raise HubError(
            "greenrt has no asyncio hub; use greenrt's own hub, and asyncio in a thread of its own"
        )
    name = str(mod)
    if name not in _warned:
        _warned.add(name)
        warnings.warn(f"greenrt has one hub, and does not use {name}", RuntimeWarning, stacklevel=2)


def trampoline(
    fd: Any,
    read: bool | None = None,
    write: bool | None = None,
    timeout: float | None = None,
    timeout_exc: Any = Timeout,
    mark_as_closed: Any = None,
) -> None:
    """Park until a file descriptor, or an object with ``fileno()``, is readable (`read`) or writable (`write`).

    Raises `timeout_exc` after `timeout` seconds (None: no limit), RuntimeError for `read` with `write` and in the
    hub, and IOClosed if the descriptor is closed meanwhile. Any number of greenthreads may wait for a descriptor.
    """
    if in_hub():
        raise RuntimeError("do not call blocking functions from the mainloop")
    if read and write:
        raise RuntimeError("not allowed to trampoline for reading and writing")
    fileno = fd if isinstance(fd, int) else fd.fileno()
    try:
        ready = park_on_fd(fileno, greenrt.READ if read else greenrt.WRITE, timeout)
    except OSError as error:
        if mark_as_closed is not None:
            mark_as_closed()
        raise IOClosed(*error.args) from error
    if not ready:
        raise thrown((timeout_exc,))


def notify_close(fd: int) -> None:
    """Wake greenthreads that wait for a file descriptor which the program closes."""
    get_hub().notify_close(fd)


def notify_opened(fd: int) -> None:
    """Note that a file descriptor is a new one: waits for an earlier file with its number end with IOClosed."""
    get_hub().mark_as_reopened(fd)


__getattr__: Callable[[str], Any] = missing_names(__name__)
