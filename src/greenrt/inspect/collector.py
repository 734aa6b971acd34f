"""The garbage collector, which rests while the greenlets of the process are looked at."""

import gc

from greenrt import _atfork, _original

__all__ = ["collector"]


class _Collector:
    """Suspends the garbage collector, which would run finalizers of the program in the calling thread.

    It would also take a quarter of the time of a dump with very many greenlets. Any number of threads may do this at
    the same time.
    """

    def __init__(self) -> None:
        # Re-entrant, since a signal handler may use it too.
        self._lock = _original.RLock()
        self._users = 0
        self._was_enabled = False

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._was_enabled = gc.isenabled()
                gc.disable()

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            if self._users == 1 and self._was_enabled:
                gc.enable()
            self._users -= 1

    def renew(self) -> None:
        """In the child of a fork, resume what another thread has suspended in the parent."""
        _original.renew_lock(self._lock)
        if self._users and self._was_enabled:
            gc.enable()
        self._users = 0


collector = _Collector()
_atfork.register(_atfork.LOCKS, collector.renew)
