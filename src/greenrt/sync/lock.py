"""Lock and RLock: threading's, for greenlets and threads alike."""

from operator import index

from greenlet import greenlet

from greenrt import _original
from greenrt._hub.guard import Guarded, WaitList
from greenrt._hub.park import TIMED_OUT, in_hub, new_park, postpone
from greenrt._native.switch import current
from greenrt._typing import Any
from greenrt.errors import BlockingInHub, LoopExit

__all__ = ["Lock", "RLock"]

ACQUIRE = 1
RELEASE = 2
PREPARE = 3

# threading's default: no limit.
FOREVER = -1


def _checked(blocking: Any, timeout: Any) -> Any:
    """Check what `acquire` was called with as CPython's locks do; return the timeout in seconds, or None."""
    if not blocking:
        if timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        return None
    if timeout == -1:
        return None
    seconds = timeout if isinstance(timeout, float) else float(index(timeout))
    if seconds != seconds:
        raise ValueError("Invalid value NaN (not a number)")
    if seconds < 0:
        raise ValueError("timeout value must be a non-negative number")
    if seconds > _original.TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    return seconds


class Mutex(Guarded):
    """What Lock and RLock have in common: taken or free, handed over in the order of arrival."""

    __slots__ = ("_taken", "_waiters")

    _taken: bool
    _waiters: WaitList | None

    def _seize(self, blocking: bool, timeout: Any) -> bool:
        """Take the mutex; return False if it isn't free, or not within `timeout` seconds (None: no limit)."""
        # Without the gate no answer can be had at once; with a park there is time, but the hub can't have one.
        if self._enter() or ((not blocking or in_hub()) and self._insist()):
            free = not self._taken
            if free:
                self._taken = True
            self._finish()
            if free:
                return True
        if not blocking:
            return False
        if self._waiters is None:
            # Made here: an allocation can run finalizers, and one that waits for this lock must not hold the gate.
            self._submit(PREPARE, WaitList())
        return self._wait(ACQUIRE, new_park(self), timeout) is not TIMED_OUT

    def _take_back(self) -> None:
        """Take the mutex whatever is thrown at the greenlet meanwhile: that is raised at its next wait.

        For waits that give the mutex up and promise to hold it again when they end, by a result or by an error.
        """
        late = []
        while True:
            try:
                self._seize(True, None)
                break
            except (BlockingInHub, LoopExit):
                # They would come again and again.
                raise
            except BaseException as error:
                late.append(error)
        for thrown in late:
            postpone(thrown)

    def _yield_up(self) -> bool:
        """Hand the mutex to who waits longest, or free it; return False if it was free."""
        if not self._taken:
            return False
        if self._enter():
            self._pass_on()
            self._finish()
        else:
            self._submit(RELEASE, None)
        return True

    def _pass_on(self) -> None:
        waiters = self._waiters
        if waiters is not None:
            while waiters.count:
                park: Any = waiters.popleft()
                if park.wake(True):
                    return
        self._taken = False

    def _apply(self, code: int, operand: Any) -> None:
        if code == ACQUIRE:
            park = operand
            if not self._taken:
                self._taken = park.wake(True)
            else:
                # There since before the park was made.
                waiters: Any = self._waiters
                waiters.append(park)
        elif code == RELEASE:
            self._pass_on()
        elif code == PREPARE:
            if self._waiters is None:
                self._waiters = operand
        else:
            Guarded._apply(self, code, operand)

    def locked(self) -> bool:
        """Tell whether it is held."""
        return bool(self._taken)

    def _at_fork_reinit(self) -> None:
        # threading calls this in the child of a fork: free, whoever held it.
        self._renew()
        self._taken = False
        self._waiters = None


class Lock(Mutex):
    """threading.Lock, which suspends the greenlet instead of the thread. Any greenlet may release it.

    Any thread may use it, also from a finalizer or a signal handler. Who waits gets it in the order of arrival.
    """

    __slots__ = ()

    def acquire(self, blocking: bool = True, timeout: float = FOREVER) -> bool:
        """Take the lock; with `timeout` (seconds; -1: no limit) or without `blocking` tell whether that worked."""
        if timeout is FOREVER and blocking is True:
            return self._seize(True, None)
        return self._seize(bool(blocking), _checked(blocking, timeout))

    def release(self) -> None:
        """Free the lock, or hand it to who waits. RuntimeError if it is free."""
        if not self._yield_up():
            raise RuntimeError("release unlocked lock")

    def __enter__(self) -> bool:
        return self._seize(True, None)

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
        state = "locked" if self._taken else "unlocked"
        return f"<{state} {type(self).__module__}.{type(self).__qualname__} object at {id(self):#x}>"


class RLock(Mutex):
    """threading.RLock: the greenlet that holds it may take it again; what was taken n times is released n times.

    `hub` is accepted for gevent's sake. Any thread may use it; its owner is a greenlet, or a native thread.
    """

    __slots__ = ("_count", "_holder")

    def __init__(self, hub: Any = None) -> None:
        self._holder: greenlet | None = None
        self._count = 0

    def _seize_again(self, blocking: bool, timeout: Any) -> bool:
        me = current()
        # Only its owner finds itself here: no gate.
        if self._holder is me:
            self._count += 1
            return True
        if not self._seize(blocking, timeout):
            return False
        self._holder = me
        self._count = 1
        return True

    def _let_go(self) -> None:
        if self._holder is not current():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if self._count == 0:
            self._holder = None
            self._yield_up()

    def acquire(self, blocking: bool = True, timeout: float = FOREVER) -> bool:
        """Take the lock; with `timeout` (seconds; -1: no limit) or without `blocking` tell whether that worked."""
        if timeout is FOREVER and blocking is True:
            return self._seize_again(True, None)
        return self._seize_again(bool(blocking), _checked(blocking, timeout))

    def release(self) -> None:
        """Undo one `acquire`. RuntimeError if the caller doesn't hold the lock."""
        self._let_go()

    def __enter__(self) -> bool:
        return self._seize_again(True, None)

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        self._let_go()

    # What threading.Condition asks of the lock under it.

    def _is_owned(self) -> bool:
        return self._holder is current()

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

    def _recursion_count(self) -> int:
        return self._count if self._holder is current() else 0

    def _at_fork_reinit(self) -> None:
        Mutex._at_fork_reinit(self)
        self._holder = None
        self._count = 0

    def __repr__(self) -> str:
        state = "locked" if self._taken else "unlocked"
        kind = f"{type(self).__module__}.{type(self).__qualname__}"
        return f"<{state} {kind} object owner={self._holder!r} count={self._count} at {id(self):#x}>"
