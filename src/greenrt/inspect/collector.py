"""The garbage collector, which rests while the greenlets of the process are looked at."""

import gc
from collections.abc import Callable

from greenrt import _atfork, _original
from greenrt._typing import TypeVar

__all__ = ["without_collections"]

T = TypeVar("T")


class _Collector:
    """Suspends the garbage collector for any number of users: threads, and signal handlers within their work.

    A KeyboardInterrupt may end a method at any call. What `resume` has left undone then, the next call of it does.
    """

    def __init__(self) -> None:
        # Re-entrant, since a signal handler may use it too.
        self._lock = _original.RLock()
        self._users: set[object] = set()
        # Whether the collector is off because of them.
        self._suspended = False

    def suspend(self, user: object) -> None:
        """Let the collector rest until `resume` is called with the same object."""
        with self._lock:
            self._users.add(user)
            if gc.isenabled():
                self._suspended = True
                gc.disable()

    def resume(self, user: object) -> None:
        """End what `suspend` began; idempotent."""
        with self._lock:
            self._users.discard(user)
            if self._suspended and not self._users:
                gc.enable()
                self._suspended = False

    def renew(self) -> None:
        """In the child of a fork, resume what the threads of the parent have suspended."""
        _original.renew_lock(self._lock)
        self._users.clear()
        if self._suspended:
            gc.enable()
            self._suspended = False


_collector = _Collector()


def without_collections(work: Callable[[], T]) -> T:
    """Return ``work()``. Meanwhile the garbage collector runs in no thread: it would run finalizers of the program.

    It would also take a quarter of the time of a dump with very many greenlets. Any number of threads may call this
    at the same time. If the program calls `gc.disable` meanwhile, the end of the work undoes that.
    """
    user = object()
    try:
        _collector.suspend(user)
        return work()
    finally:
        try:
            _collector.resume(user)
        finally:
            # A KeyboardInterrupt may have ended the call above.
            _collector.resume(user)


_atfork.register(_atfork.LOCKS, _collector.renew)
