"""Lock and RLock with the interfaces of `threading`, for greenlets and threads."""

from collections.abc import Callable
from operator import index

from greenlet import greenlet

from greenrt import _original
from greenrt._hub import current_hub
from greenrt._hub.fd_wait import yield_if_due
from greenrt._hub.pending import postpone
from greenrt._native.switch import INTERRUPTIBLE, current_id, current_or_last
from greenrt._typing import Any
from greenrt.errors import BlockingInHub, LoopExit
from greenrt.sync.permits import Permits

__all__ = ["Lock", "RLock", "checked_timeout"]

# The default timeout in `threading`: no limit.
FOREVER = -1
# How often an RLock is taken without a yield. A loop takes it more often.
UNINTERRUPTED = 100

_interruptible = INTERRUPTIBLE


def checked_timeout(blocking: Any, timeout: Any) -> Any:
    """Check the arguments of `acquire` as CPython's locks do; return the timeout in seconds, or None for no limit.

    In addition, None means no limit, as in gevent's locks, and a greenrt.Timeout is returned unchanged. Raises
    TypeError, ValueError or OverflowError for a wrong timeout.
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
    """Yield if it is due. Return True if `limit` is a greenrt.Timeout and expires during the yield."""
    try:
        yield_if_due()
    except BaseException as error:
        if error is not limit:
            raise
        return True
    return False


class Mutex(Permits):
    """The base of Lock and RLock: a single permit."""

    __slots__ = ()

    def __init__(self) -> None:
        self._left = 1
        self._vain = 0

    def _take_back(self) -> None:
        """Take the mutex; raise errors that are thrown into the greenlet meanwhile at its next wait.

        Waits that release the mutex use this: they promise to hold it again when they end, by a result or an error.
        """
        late = []
        while True:
            try:
                self._obtain(True, None)
                break
            except (BlockingInHub, LoopExit):
                # Each further attempt would raise them again.
                raise
            except BaseException as error:
                late.append(error)
        for thrown in late:
            postpone(thrown)

    def _yield_up(self) -> bool:
        """Release the mutex and wake the waiter that has waited longest; return False if the mutex was free."""
        if self._left:
            return False
        self._give_back()
        return True

    def _release_one(self) -> None:
        # The mutex is free already if two threads release at the same time what was taken once.
        if not self._left:
            Permits._release_one(self)

    def locked(self) -> bool:
        """Return whether the lock is held."""
        return not self._left

    def _owner_id(self) -> int:
        """Return the id() of the greenlet that holds the mutex; 0 if it is free."""
        raise NotImplementedError

    def _at_fork_reinit(self) -> None:
        # In the child the lock is free, no matter which greenlet held it.
        Permits._at_fork_reinit(self)
        self._left = 1


class Lock(Mutex):
    """The interface of `threading.Lock`; waiting parks the greenlet instead of the thread. Takes no arguments.

    Any thread may use it, also from a finalizer or a signal handler. Any greenlet may release it. Waiters get the
    lock in the order of their arrival, and before later calls that may wait. A call that may not wait can take a lock
    that has just been released (see `permits`).

    Taking a free lock first yields to other greenlets if none has run for some milliseconds. Otherwise a greenlet
    that polls a queue in a loop, or fills a queue without a limit, would never let others run.
    """

    __slots__ = ("_taker",)

    def __init__(self) -> None:
        Mutex.__init__(self)
        # The id() of the greenlet that has taken the lock last, for dumps. A reference to the greenlet would keep an
        # abandoned one alive, which could then not release the lock. The id may be that of a later greenlet, if the
        # first has ended without a release.
        self._taker = 0

    def _seize(self, blocking: bool, timeout: Any) -> bool:
        if not self._obtain(blocking, timeout):
            return False
        self._taker = current_id()
        return True

    def _owner_id(self) -> int:
        """See `Mutex`."""
        return 0 if self._left else self._taker

    def acquire(self, blocking: bool = True, timeout: float | None = FOREVER) -> bool:
        """Take the lock; return True, or False after `timeout` seconds (-1 or None: no limit).

        If `blocking` is false, never wait for the lock: return whether it was free. Raises TypeError, ValueError or
        OverflowError if `timeout` is wrong, as CPython's locks do.
        """
        if timeout is FOREVER and blocking is True:
            yield_if_due()
            return self._seize(True, None)
        limit = checked_timeout(blocking, timeout)
        if blocking and limit != 0:
            return not _ends_meanwhile(limit) and self._seize(True, limit)
        if self._seize(False, None):
            return True
        # A program may poll a lock, so a failed attempt yields. A free lock is taken without a yield, as promised.
        yield_if_due()
        return False

    def release(self) -> None:
        """Release the lock and wake the waiter that has waited longest. Raises RuntimeError if the lock is free."""
        if not self._yield_up():
            raise RuntimeError("release unlocked lock")

    def __enter__(self) -> bool:
        yield_if_due()
        return self._seize(True, None)

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        if not self._yield_up():
            raise RuntimeError("release unlocked lock")

    # `threading.Condition` uses these methods of its lock, if the lock has them.

    def _release_save(self) -> None:
        self.release()

    def _acquire_restore(self, state: None) -> None:
        self._take_back()
        self._taker = current_id()

    # Names from Python 2 that CPython still has.
    acquire_lock = acquire
    release_lock = release
    locked_lock: Callable[..., bool] = Mutex.locked

    def __repr__(self) -> str:
        state = "unlocked" if self._left else "locked"
        return f"<{state} {type(self).__module__}.{type(self).__name__} object at {id(self):#x}>"


class RLock(Mutex):
    """The interface of `threading.RLock`: the owner may take the lock again, and releases it as often as it took it.

    The owner is a greenlet, or a native thread. Any thread may use the lock. The constructor ignores its arguments,
    as `_thread.RLock` does; gevent's class takes a hub.

    Taking a free lock only yields to other greenlets in a loop: each hundredth time, if none has run for some
    milliseconds. The standard library takes RLocks where a yield does harm, as in finalizers and in fork hooks.

    In the plain build CPython may call a signal handler in the middle of an operation, and the handler may take the
    same lock, as `logging` does. So the operations on a lock for which nothing waits are a single step there: they
    make no call. (A handler that interrupts another operation, and waits for the lock, waits for itself.)
    """

    __slots__ = ("_count", "_holder", "_uninterrupted")

    def __init__(self, *ignored: object, **named: object) -> None:
        Mutex.__init__(self)
        self._holder: greenlet | None = None
        self._count = 0
        self._uninterrupted = 0

    def _seize_again(self, blocking: bool, timeout: Any) -> bool:
        me = current_or_last()
        # No internal lock is needed: only the owner finds itself in `_holder`.
        if self._holder is me:
            self._count += 1
            return True
        self._uninterrupted += 1
        if self._uninterrupted >= UNINTERRUPTED:
            self._uninterrupted = 0
            if _ends_meanwhile(timeout):
                return False
        if _interruptible and self._take_free(me, 1):
            return True
        if not self._obtain(blocking, timeout):
            if not blocking:
                yield_if_due()
            return False
        self._holder = me
        self._count = 1
        return True

    def _take_free(self, me: greenlet, count: int) -> bool:
        """Take the lock in one step if it is free, nothing waits for it, and no other operation is under way."""
        if self._left and not self._inside and (self._called is None or not self._called.count):
            self._left = 0
            self._holder = me
            self._count = count
            return True
        return False

    def _let_go(self) -> None:
        if self._holder is not current_or_last():
            raise RuntimeError("cannot release un-acquired lock")
        if self._count > 1:
            self._count -= 1
        else:
            self._free()

    def _free(self) -> None:
        self._count = 0
        self._holder = None
        if _interruptible and not self._inside and (self._waiters is None or not self._waiters.count):
            # In one step, see `_take_free`.
            self._left = 1
        else:
            self._yield_up()

    def acquire(self, blocking: bool = True, timeout: float | None = FOREVER) -> bool:
        """Take the lock; return True, or False after `timeout` seconds (-1 or None: no limit).

        If `blocking` is false, never wait for the lock: return whether it was free. Raises TypeError, ValueError or
        OverflowError if `timeout` is wrong, as CPython's locks do.
        """
        if timeout is FOREVER and blocking is True:
            return self._seize_again(True, None)
        limit = checked_timeout(blocking, timeout)
        return self._seize_again(bool(blocking) and limit != 0, limit)

    def release(self) -> None:
        """Undo one `acquire`. Raises RuntimeError if the caller does not hold the lock."""
        self._let_go()

    def __enter__(self) -> bool:
        return self._seize_again(True, None)

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        self._let_go()

    # `threading.Condition` uses these methods of its lock.

    def _is_owned(self) -> bool:
        return self._holder is current_or_last()

    def _release_save(self) -> tuple[int, Any]:
        if self._holder is None:
            raise RuntimeError("cannot release un-acquired lock")
        state = (self._count, self._holder)
        self._free()
        return state

    def _acquire_restore(self, state: tuple[int, Any]) -> None:
        count, holder = state
        if not _interruptible or not self._take_free(holder, count):
            self._take_back()
            self._count = count
            self._holder = holder

    def _owner(self) -> Any:
        return self._holder

    def _owner_id(self) -> int:
        """See `Mutex`."""
        return 0 if self._holder is None else id(self._holder)

    def _depth(self) -> int:
        return self._count

    def _recursion_count(self) -> int:
        return self._count if self._holder is current_or_last() else 0

    def _at_fork_reinit(self) -> None:
        Mutex._at_fork_reinit(self)
        self._holder = None
        self._count = 0
        self._uninterrupted = 0

    def __repr__(self) -> str:
        state = "unlocked" if self._left else "locked"
        kind = f"{type(self).__module__}.{type(self).__qualname__}"
        return f"<{state} {kind} object owner={self._holder!r} count={self._count} at {id(self):#x}>"
