"""The end of a greenlet's wait for a watcher or a socket, from another greenlet."""

from errno import EBADF

from greenrt._typing import Any

__all__ = ["cancel_wait", "cancel_wait_ex"]


class cancel_wait_ex(OSError):
    """The error of a wait that another greenlet has cancelled, by default."""

    def __init__(self) -> None:
        super().__init__(EBADF, "File descriptor was closed in another greenlet")


def cancel_wait(watcher: Any, error: Any = cancel_wait_ex) -> None:
    """Raise `error`, a class or an instance, in the greenlet that waits for `watcher` in the hub, if there is one."""
    waiter = watcher.waiter
    if waiter is not None:
        watcher.loop.run_callback(_fail, watcher, waiter, error)


def _fail(watcher: Any, waiter: Any, error: Any) -> None:
    if watcher.waiter is waiter:
        waiter.fail(error() if isinstance(error, type) else error)
