"""The semaphores under the standard library's `multiprocessing`, cooperative.

The rest of `multiprocessing` is Python over `os`, `selectors`, `threading` and these. A semaphore that other
processes share has no fd to wait for: a waiting greenlet tries again after a while, and at once when it is released
in its own process. Source: CPython's Modules/_multiprocessing/semaphore.c, sem_overview(7).
"""

import _multiprocessing  # type: ignore[import-not-found]

from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import give_way
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.green.thread import get_ident
from greenrt.sync.event import Event

__all__ = ["FUNCTIONS", "SemLock"]

_RECURSIVE = 0
# The first and the longest pause between two tries, seconds.
_SHORTEST, _LONGEST = 0.0005, 0.02


class SemLock(_multiprocessing.SemLock):  # type: ignore[misc]
    """A semaphore or recursive lock that processes share; owned by green threads, not by native ones."""

    # Its standard name.
    __module__ = "_multiprocessing"
    # The green thread that acquired it last in this process: the C object notes the native thread only.
    _owner: int | None = None
    _freed: Event | None = None

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take it; return False if it isn't free and `block` is false, or after `timeout` seconds."""
        give_way()
        if self._try():
            return True
        if not block:
            return False
        limit = None if timeout is None else max(timeout, 0.0)
        if hub_for_waiting() is None and not self._is_others():
            taken: bool = super().acquire(True, limit)
            self._note(taken)
            return taken
        deadline = None if limit is None else monotonic() + limit
        pause = _SHORTEST
        if self._freed is None:
            self._freed = Event()
        while True:
            self._freed.clear()
            if self._try():
                return True
            left = _LONGEST if deadline is None else deadline - monotonic()
            if left <= 0:
                return False
            self._freed.wait(min(pause, left))
            pause = min(pause * 2, _LONGEST)

    def _is_others(self) -> bool:
        """Tell whether it is a recursive lock that another green thread of this native thread holds."""
        return self.kind == _RECURSIVE and super()._is_mine() and self._owner != get_ident()

    def _try(self) -> bool:
        taken: bool = not self._is_others() and super().acquire(False)
        self._note(taken)
        return taken

    def _note(self, taken: bool) -> None:
        if taken:
            self._owner = get_ident()

    def release(self) -> None:
        """Give it back. AssertionError for a recursive lock of another thread, ValueError if it isn't taken."""
        if self._is_others():
            raise AssertionError("attempt to release recursive lock not owned by thread")
        super().release()
        if self._freed is not None:
            self._freed.set()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    def _is_mine(self) -> bool:
        """Tell whether the calling thread acquired it last in this process, and it is not released yet."""
        return bool(super()._is_mine()) and self._owner == get_ident()

    def _get_value(self) -> int:
        give_way()
        return int(super()._get_value())

    def _is_zero(self) -> bool:
        give_way()
        return bool(super()._is_zero())

    def _after_fork(self) -> None:
        self._freed = None
        super()._after_fork()


# What patching replaces in `_multiprocessing`.
FUNCTIONS: dict[str, Any] = {"SemLock": SemLock}
