"""Lock and RLock: threading's, for greenlets and threads alike."""

from operator import index

from greenlet import greenlet

from greenrt import _original
from greenrt._hub import current_hub
from greenrt._hub.fd_wait import yield_if_due
from greenrt._hub.pending import postpone
from greenrt._native.switch import current_or_last
from greenrt._typing import Any
from greenrt.errors import BlockingInHub, LoopExit
from greenrt.sync.permits import Permits

__all__ = ["Lock", "RLock", "checked_timeout"]

# threading's default: no limit.
FOREVER = -1


def checked_timeout(blocking: Any, timeout: Any) -> Any:
    """Check what `acquire` was called with as CPython's locks do; return the timeout in seconds, or None.

    Beyond those: no limit for None, as gevent's locks, and a greenrt.Timeout as it is.
    """
    if timeout is None or timeout == -1:
        return None
    if not blocking:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if current_hub.is_timeout(timeout):
        return timeout
    try:
        seconds = timeout if isinstance(timeout, float) else float(index(timeout))
    except TypeError:
        raise TypeError(f"timeout must be a number of seconds, not {timeout!r}") from None
    if not seconds >= 0:
        raise ValueError(f"timeout must be a non-negative number of seconds, not {timeout!r}")
    if seconds > _original.TIMEOUT_MAX:
        raise OverflowError(
            f"timeout is too large: {timeout!r}; the limit is {_original.TIMEOUT_MAX} seconds"
        )
    return seconds


def _ends_meanwhile(limit: Any) -> bool:
    """`yield_if_due`; return True if `limit` is a greenrt.Timeout, and it is that which ends the wait."""
    try:
        yield_if_due()
    except BaseException as error:
        if error is not limit:
            raise
        return True
    return False


class Mutex(Permits):
    """What Lock and RLock have in common: a single permit."""

    __slots__ = ()

    def __init__(self) -> None:
        self._left = 1
        self._vain = 0

    def _take_back(self) -> None:
        """Take the mutex whatever is thrown at the greenlet meanwhile: that is raised at its next wait.

        For waits that give the mutex up and promise to hold it again when they end, by a result or by an error.
        """
        late = []
        while True:
            try:
                self._obtain(True, None)
                break
            except (BlockingInHub, LoopExit):
                # They would come again and again.
                raise
            except BaseException as error:
                late.append(error)
        for thrown in late:
            postpone(thrown)

    def _yield_up(self) -> bool:
        """Free the mutex, and wake the waiter that has waited longest; return False if it was free."""
        if self._left:
            return False
        self._give_back()
        return True

    def _release_one(self) -> None:
        # Free already if two threads at once release what was taken once.
        if not self._left:
            Permits._release_one(self)

    def locked(self) -> bool:
        """Tell whether it is held."""
        return not self._left

    def _at_fork_reinit(self) -> None:
        # Free, whatever greenlet held it.
        Permits._at_fork_reinit(self)
        self._left = 1


class Lock(Mutex):
    """threading.Lock, which suspends the greenlet instead of the thread. Any greenlet may release it.

    Any thread may use it, also from a finalizer or a signal handler. Waiters get it in the order of arrival, before
    calls that may wait; a call that may not takes a lock that has just been released (see `permits`).
    Taking a free lock lets others run first if none has for some milliseconds: a greenlet that polls a queue in a
    loop, or fills one that has no bound, never waits for anything.
    """

    __slots__ = ()

    def acquire(self, blocking: bool = True, timeout: float | None = FOREVER) -> bool:
        """Take the lock; with `timeout` (seconds; -1, None: no limit) or without `blocking` tell if that worked."""
        if timeout is FOREVER and blocking is True:
            yield_if_due()
            return self._obtain(True, None)
        limit = checked_timeout(blocking, timeout)
        if blocking and limit != 0:
            return not _ends_meanwhile(limit) and self._obtain(True, limit)
        if self._obtain(False, None):
            return True
        # A lock may be polled too. A free one is taken without a yield, as promised.
        yield_if_due()
        return False

    def release(self) -> None:
        """Free the lock, and wake the waiter that has waited longest. RuntimeError if it is free."""
        if not self._yield_up():
            raise RuntimeError("release unlocked lock")

    def __enter__(self) -> bool:
        yield_if_due()
        return self._obtain(True, None)

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        if not self._yield_up():
            raise RuntimeError("release unlocked lock")

    # What threading.Condition asks of the lock under it, if it is there.

    def _release_save(self) -> None:
        self.release()

    def _acquire_restore(self, state: None) -> None:
        self._take_back()

    # The names of Python 2, which CPython keeps.
    acquire_lock = acquire
    release_lock = release
    locked_lock = Mutex.locked

    def __repr__(self) -> str:
        state = "unlocked" if self._left else "locked"
        return f"<{state} {type(self).__module__}.{type(self).__name__} object at {id(self):#x}>"


class RLock(Mutex):
    """threading.RLock: the greenlet that holds it may take it again; what was taken n times is released n times.

    Arguments are ignored, as by `_thread.RLock`; gevent's takes a hub. Any thread may use it; its owner is a
    greenlet, or a native thread. Taking a free one does not yield: the standard library takes RLocks in places where
    another thread must not run.
    """

    __slots__ = ("_count", "_holder")

    def __init__(self, *ignored: Any, **named: Any) -> None:
        Mutex.__init__(self)
        self._holder: greenlet | None = None
        self._count = 0

    def _seize_again(self, blocking: bool, timeout: Any) -> bool:
        me = current_or_last()
        # Only its owner finds itself here: no gate.
        if self._holder is me:
            self._count += 1
            return True
        if not self._obtain(blocking, timeout):
            if not blocking:
                yield_if_due()
            return False
        self._holder = me
        self._count = 1
        return True

    def _let_go(self) -> None:
        if self._holder is not current_or_last():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if self._count == 0:
            self._holder = None
            self._yield_up()

    def acquire(self, blocking: bool = True, timeout: float | None = FOREVER) -> bool:
        """Take the lock; with `timeout` (seconds; -1, None: no limit) or without `blocking` tell if that worked."""
        if timeout is FOREVER and blocking is True:
            return self._seize_again(True, None)
        limit = checked_timeout(blocking, timeout)
        return self._seize_again(bool(blocking) and limit != 0, limit)

    def release(self) -> None:
        """Undo one `acquire`. RuntimeError if the caller doesn't hold the lock."""
        self._let_go()

    def __enter__(self) -> bool:
        return self._seize_again(True, None)

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        self._let_go()

    # What threading.Condition asks of the lock under it.

    def _is_owned(self) -> bool:
        return self._holder is current_or_last()

    def _release_save(self) -> tuple[int, Any]:
        if self._holder is None:
            raise RuntimeError("cannot release un-acquired lock")
        state = (self._count, self._holder)
        self._count = 0
        self._holder = None
        self._yield_up()
        return state

    def _acquire_restore(self, state: tuple[int, Any]) -> None:
        self._take_back()
        self._count, self._holder = state

    def _owner(self) -> Any:
        return self._holder

    def _depth(self) -> int:
        return self._count

    def _recursion_count(self) -> int:
        return self._count if self._holder is current_or_last() else 0

    def _at_fork_reinit(self) -> None:
        Mutex._at_fork_reinit(self)
        self._holder = None
        self._count = 0

    def __repr__(self) -> str:
        state = "unlocked" if self._left else "locked"
        kind = f"{type(self).__module__}.{type(self).__qualname__}"
        return f"<{state} {kind} object owner={self._holder!r} count={self._count} at {id(self):#x}>"
