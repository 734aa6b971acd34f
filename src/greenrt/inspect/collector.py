"""The garbage collector, which rests while the greenlets of the process are looked at."""

import gc
from collections.abc import Callable

from greenrt import _atfork
from greenrt._typing import TypeVar

__all__ = ["without_collections"]

T = TypeVar("T")


class _Collector:
    """Suspends the garbage collector for any number of users: threads, and signal handlers within their work.

    It has no lock: a KeyboardInterrupt may come after a ``with`` has taken one and before its block begins. What an
    interrupt leaves undone, the next call does.
    """

    def __init__(self) -> None:
        self._users: set[object] = set()
        # Whether the collector is off because of them.
        self._suspended = False

    def suspend(self, user: object) -> None:
        """Let the collector rest until `resume` is called with the same object."""
        self._users.add(user)
        self._settle()

    def resume(self, user: object) -> None:
        """End what `suspend` began; idempotent."""
        self._users.discard(user)
        self._settle()

    def renew(self) -> None:
        """In the child of a fork, resume what the threads of the parent have suspended."""
        self._users.clear()
        self._settle()

    def _settle(self) -> None:
        """Turn the collector off or on, as the users want it. Others may come and go at each step of this."""
        while True:
            wanted = bool(self._users)
            if wanted and gc.isenabled():
                # Before, since an interrupt may come next; and after, since another thread may have reset it.
                self._suspended = True
                gc.disable()
                self._suspended = True
            elif not wanted and self._suspended:
                gc.enable()
                self._suspended = False
            if wanted == bool(self._users):
                return


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
