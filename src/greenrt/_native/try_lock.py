"""A try-lock: the one atomic step under every primitive that several threads share (plain twin)."""

from greenrt import _atfork
from greenrt._native.fields import blank
from greenrt._original import RLock, renew_lock
from greenrt._typing import Any, Self

__all__ = ["TryLock"]


# How many forks led to this process.
_age = 0
_renewing = RLock()


def _after_fork_in_child() -> None:
    global _age
    _age += 1
    renew_lock(_renewing)


_atfork.register(_atfork.PRIMITIVES, _after_fork_in_child)


class TryLock:
    """A lock that threads try but never wait for, and a list of operations for its holder. For any thread."""

    __slots__ = ("_age", "_deferred", "_inside", "_lock")

    _deferred: list[tuple[int, Any]]
    _lock: Any
    # Whether anything holds the lock. Only code that has just taken the lock, or holds it, changes this.
    _inside: bool
    _age: int

    # As in the compiled twin, __new__ initializes the object completely: a subclass's __init__ need not call ours.
    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        blank(self)
        # An RLock records its owner at the moment it is taken. A plain lock with a field for the owner would not: a
        # signal handler that runs between the two steps would see a taken lock without owner, and wait for it.
        self._lock = RLock()
        self._deferred = []
        self._inside = False
        self._age = _age
        return self

    def _enter(self) -> bool:
        """Take the lock if it is free; return whether it was."""
        if self._age != _age:
            self._renew()
        lock = self._lock
        if lock._is_owned() or not lock.acquire(False):
            return False
        # A signal handler may have let another greenlet of this thread in, between the two calls.
        if self._inside:
            lock.release()
            return False
        self._inside = True
        return True

    def _renew(self) -> None:
        """Free the lock if a thread holds it that exists only in the parent of a fork."""
        with _renewing:
            if self._age != _age:
                # If the thread that forked holds the lock, it still does. (If another thread of the child calls this
                # first, it frees a lock that was held across the fork: only the compiled twin detects that.)
                renew_lock(self._lock)
                if not self._lock._is_owned():
                    self._inside = False
                self._age = _age

    def _leave(self) -> None:
        """Release the lock."""
        self._inside = False
        self._lock.release()

    def _reopen(self) -> None:
        """Free the lock, whichever thread holds it: that thread does not exist in the child of a fork."""
        self._lock._at_fork_reinit()
        self._inside = False

    def _held_here(self) -> bool:
        """Return whether this thread holds the lock, further down its stack or in another greenlet."""
        return bool(self._lock._is_owned())

    def _defer(self, code: int, operand: Any) -> None:
        """Queue an operation for the holder of the lock."""
        self._deferred.append((code, operand))
