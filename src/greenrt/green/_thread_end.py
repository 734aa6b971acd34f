"""The end of a thread, as `threading` waits for it: for green threads and for native ones.

The wait for a native thread has two steps. CPython clears the thread's thread-locals at its end. The finalizer of an
object among them wakes up the waiters, which then poll until CPython has also deleted the thread's state. So no code
of the thread runs any more when a join returns, as without patching.
"""

import sys
from collections.abc import Callable

from greenrt import _original
from greenrt._deadline import Deadline
from greenrt._hub.fd_wait import yield_if_due
from greenrt._typing import Any
from greenrt.green._polling import poll_until
from greenrt.sync.event import Event
from greenrt.sync.lock import Lock, checked_timeout

__all__ = ["Sentinel", "at_native_end", "poll_until_gone", "wait_for_tstate_lock"]

# The shortest and the longest pause between two checks whether CPython has deleted a thread's state (seconds).
_SHORTEST = 0.0001
_LONGEST = 0.01

_at_end = _original.thread_local()


class _Witness:
    """An object among the thread-locals of a native thread. It calls callbacks when CPython clears these."""

    def __init__(self) -> None:
        self.ident = _original.get_ident()
        self.callbacks: list[Callable[[], Any]] = []

    def __del__(self) -> None:
        # In the child of a fork, the forking thread finalizes the witnesses of other threads.
        if sys.is_finalizing() or self.ident != _original.get_ident():
            return
        for callback in self.callbacks:
            callback()


def at_native_end(callback: Callable[[], Any]) -> None:
    """Call `callback` in the calling native thread when its thread-locals are cleared."""
    witness = getattr(_at_end, "witness", None)
    if witness is None:
        witness = _at_end.witness = _Witness()
    witness.callbacks.append(callback)


def poll_until_gone(condition: Callable[[], bool], timeout: float | None) -> bool:
    """Sleep until CPython has deleted a thread's state. Return False if `timeout` seconds pass first."""
    return poll_until(condition, timeout, _SHORTEST, _LONGEST)


class Sentinel(Lock):
    """The lock that a thread holds while it lives: the result of `_thread._set_sentinel` up to 3.12.

    The first `acquire` is for the thread. `wait_for_end` does not take the lock, so any number of greenlets and
    threads may join a thread at once.
    """

    __slots__ = ("_ended", "_native")
    __module__ = "_thread"
    __qualname__ = "lock"

    def __init__(self) -> None:
        super().__init__()
        self._ended = Event()
        # CPython's own sentinel of a native thread, until its end has been noticed.
        self._native: Any = None

    def follow_native_thread(self) -> None:
        """Let the end of the calling native thread release the lock."""
        native = _original.set_sentinel()
        native.acquire()
        self._native = native
        at_native_end(self._ended.set)

    def follow(self, native: Any) -> None:
        """Let the release of `native`, the held sentinel of another native thread, release the lock."""
        self._native = native
        Lock.acquire(self)
        # No event reports the end of that thread's code: waiters poll from the start.
        self._ended.set()

    def wait_for_end(self, blocking: bool = True, timeout: float | None = -1) -> bool:
        """Wait for the thread's end as `acquire` would. Return whether it has ended, and the lock is free."""
        limit = checked_timeout(blocking, timeout)
        if not blocking or limit == 0:
            # In a polling loop, let the thread run if a yield is due.
            yield_if_due()
            return not self.locked()
        deadline = Deadline(limit)
        if not self._ended.wait(limit):
            return False
        if self._native is not None:
            return poll_until_gone(lambda: not self.locked(), deadline.left())
        return not self.locked()

    def acquire(self, blocking: bool = True, timeout: float | None = -1) -> bool:
        """Acquire the lock: first for the thread, later after the thread's end. See `Lock.acquire`."""
        if self._native is None or not Lock.locked(self):
            return Lock.acquire(self, blocking, timeout)
        deadline = Deadline(timeout if timeout is not None and timeout > 0 else None)
        if not self.wait_for_end(blocking, timeout):
            return False
        left = deadline.left()
        return Lock.acquire(self, blocking, timeout if left is None else left)

    __enter__ = acquire

    def release(self) -> None:
        """Release the lock, and mark the thread as ended. Raise RuntimeError if the lock is free."""
        Lock.release(self)
        self._ended.set()

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        self.release()

    def locked(self) -> bool:
        """Return whether the thread lives, or other code holds its lock after its end."""
        native = self._native
        if native is not None and not native.locked():
            native, self._native = self._native, None
            if native is not None:
                # The first caller that notices the end of a native thread releases the lock.
                self.release()
        return Lock.locked(self)

    def _at_fork_reinit(self) -> None:
        Lock._at_fork_reinit(self)
        self._ended = Event()
        self._native = None


# The repr shows this name.
Sentinel.__name__ = "lock"


def wait_for_tstate_lock(thread: Any, block: bool = True, timeout: float = -1) -> None:
    """Wait for the end of `thread`, and mark it (`threading.Thread._wait_for_tstate_lock`, up to 3.12).

    The standard method takes the lock. An error that is thrown into its wait makes it mark an end that has not
    happened.
    """
    lock = thread._tstate_lock
    if lock is None:
        return
    if lock.wait_for_end(block, timeout):
        # In this order: another thread sees the end as soon as there is no lock. `_stop` requires a free lock if
        # there is one, but another joiner may hold it for a moment.
        thread._is_stopped = True
        thread._tstate_lock = None
        thread._stop()
