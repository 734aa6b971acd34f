"""gevent.socket: the standard library's `socket` module, cooperative, and waits for file descriptors."""

import socket as _standard
from collections.abc import Callable

from greenrt._hub.current_hub import get_hub
from greenrt._hub.fd_wait import wait_read, wait_readwrite, wait_write  # noqa: F401
from greenrt._hub.timeout import Timeout
from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._cancel_wait import cancel_wait, cancel_wait_ex  # noqa: F401
from greenrt.compat.gevent._standard import mirror
from greenrt.green import socket as _twin

__implements__ = [
    "create_connection",
    "socket",
    "SocketType",
    "fromfd",
    "socketpair",
    "getaddrinfo",
    "gethostbyname",
    "gethostbyname_ex",
    "gethostbyaddr",
    "getnameinfo",
    "getfqdn",
]
__dns__ = ["getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo", "getfqdn"]
__extensions__ = ["cancel_wait", "wait_read", "wait_readwrite", "wait_write"]

__all__ = mirror(globals(), _standard, _twin, ("socket", "dns"), _twin.FUNCTIONS)
__imports__ = [name for name in __all__ if name not in __implements__]
__all__ += [*__extensions__, "cancel_wait_ex", "timeout_default", "wait"]

# The default value of timeout arguments, where None means no limit.
timeout_default: Any = object()


def wait(io: Any, timeout: float | None = None, timeout_exc: Any = None) -> None:
    """Wait for a watcher of the loop, for at most `timeout` seconds; then raise `timeout_exc` (TimeoutError)."""
    with Timeout(timeout, TimeoutError("timed out") if timeout_exc is None else timeout_exc):
        get_hub().wait(io)


__getattr__: Callable[[str], Any] = missing_names(__name__, {})
