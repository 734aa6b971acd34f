"""The garbage collector, which rests while the greenlets of the process are looked at."""

import gc
from collections.abc import Callable

from greenrt import _atfork
from greenrt._typing import TypeVar

__all__ = ["without_collections"]

T = TypeVar("T")


class _Collector:
    """Suspends the garbage collector for any number of users: threads, and signal handlers within their work.

    It has no lock: a KeyboardInterrupt may come after a ``with`` has taken one and before its block begins. CPython
    runs signal handlers and lets other threads run only after a call and where a loop or a function begins. So each
    method decides and stores in one step, which ends with the call of the C function. An interrupt between two steps
    leaves the second one to the next call.
    """

    def __init__(self) -> None:
        self._users: set[object] = set()
        # Whether the collector is off because of them.
        self._suspended = False

    def suspend(self, user: object) -> None:
        """Let the collector rest until `resume` is called with the same object."""
        # From here on, no other thread and no handler turns the collector on.
        self._users.add(user)
        if gc.isenabled():
            self._suspended = True
            gc.disable()

    def resume(self, user: object) -> None:
        """End what `suspend` began; idempotent."""
        self._users.discard(user)
        self._settle()

    def renew(self) -> None:
        """In the child of a fork, resume what the threads of the parent have suspended."""
        self._users.clear()
        self._settle()

    def _settle(self) -> None:
        """Turn the collector on if it is off for users that are all gone."""
        # No call comes before the last line: nothing may run between the look at the users and the C function.
        if self._suspended and not self._users:
            self._suspended = False
            gc.enable()


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
