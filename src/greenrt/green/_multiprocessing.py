"""The semaphores below the standard library's `multiprocessing`, cooperative.

The rest of `multiprocessing` is Python code over `os`, `selectors`, `threading` and these semaphores. A semaphore
that processes share has no file descriptor to wait for. A waiting greenlet tries again after a pause, and at once
after a release in its own process. Source: CPython's Modules/_multiprocessing/semaphore.c, sem_overview(7).
"""

import _multiprocessing  # type: ignore[import-not-found]

from greenrt._deadline import Deadline
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import yield_if_due
from greenrt._typing import Any
from greenrt.green._polling import growing_pauses
from greenrt.green.thread import get_ident
from greenrt.sync.event import Event

__all__ = ["FUNCTIONS", "SemLock"]

_RECURSIVE = 0
# The first pause between two attempts (seconds).
_SHORTEST = 0.0005


class SemLock(_multiprocessing.SemLock):  # type: ignore[misc]
    """A semaphore or recursive lock that processes share. Its owner is a green thread, not a native one."""

    # The name of the standard class.
    __module__ = "_multiprocessing"
    # The green thread of this process that acquired it last. The C object only stores the native thread.
    _owner: int | None = None
    _freed: Event | None = None

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Acquire it. Return False if it is taken and `block` is false, or after `timeout` seconds."""
        yield_if_due()
        if self._try():
            return True
        if not block:
            return False
        limit = None if timeout is None else max(timeout, 0.0)
        if hub_for_waiting() is None and not self._is_others():
            taken: bool = super().acquire(True, limit)
            self._note(taken)
            return taken
        deadline = Deadline(limit)
        pauses = growing_pauses(_SHORTEST)
        if self._freed is None:
            self._freed = Event()
        while True:
            self._freed.clear()
            if self._try():
                return True
            left = deadline.left()
            if left == 0.0:
                return False
            pause = next(pauses)
            self._freed.wait(pause if left is None else min(pause, left))

    def _is_others(self) -> bool:
        """Return whether it is a recursive lock that another green thread of this native thread holds."""
        return self.kind == _RECURSIVE and super()._is_mine() and self._owner != get_ident()

    def _try(self) -> bool:
        taken: bool = not self._is_others() and super().acquire(False)
        self._note(taken)
        return taken

    def _note(self, taken: bool) -> None:
        if taken:
            self._owner = get_ident()

    def release(self) -> None:
        """Release it. Raise AssertionError for a recursive lock of another thread, ValueError if it is not taken."""
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
        """Return whether the calling thread acquired it last in this process, and has not released it yet."""
        return bool(super()._is_mine()) and self._owner == get_ident()

    def _get_value(self) -> int:
        yield_if_due()
        return int(super()._get_value())

    def _is_zero(self) -> bool:
        yield_if_due()
        return bool(super()._is_zero())

    def _after_fork(self) -> None:
        self._freed = None
        super()._after_fork()


# The class that patching replaces in `_multiprocessing`.
FUNCTIONS: dict[str, Any] = {"SemLock": SemLock}
