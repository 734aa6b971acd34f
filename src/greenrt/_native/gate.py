"""A try-lock: the one atomic step under every primitive that several threads share (plain twin)."""

from greenrt import _atfork
from greenrt._native.fields import blank
from greenrt._original import RLock, renew_lock
from greenrt._typing import Any, Self

__all__ = ["Gate"]


# How often the process has forked on the way to this one.
_age = 0
_renewing = RLock()


def _after_fork_in_child() -> None:
    global _age
    _age += 1
    renew_lock(_renewing)


_atfork.register(_atfork.PRIMITIVES, _after_fork_in_child)


class Gate:
    """A lock that can be tried, never waited for, and a list of what its holder shall do; any thread."""

    __slots__ = ("_age", "_deferred", "_lock")

    _deferred: list[tuple[int, Any]]
    _lock: Any
    _age: int

    # As the compiled twin: made complete by __new__, whatever a subclass's __init__ does.
    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        blank(self)
        # Knows its thread from the moment it is taken. A plain lock and a field beside it would not: a signal handler
        # between the two would see the gate without a holder, and wait for it.
        self._lock = RLock()
        self._deferred = []
        self._age = _age
        return self

    def _enter(self) -> bool:
        """Take the gate if it is free; tell whether it was."""
        if self._age != _age:
            self._come_along()
        lock = self._lock
        return not lock._is_owned() and lock.acquire(False)

    def _come_along(self) -> None:
        """Take the gate from a thread that a fork has left behind in the parent."""
        with _renewing:
            if self._age != _age:
                # Held by the thread that forked, it is its own still. (If another thread of the child comes first,
                # it takes the gate from under a fork inside a critical section: of the two twins only the compiled
                # one tells that.)
                renew_lock(self._lock)
                self._age = _age

    def _leave(self) -> None:
        """Give the gate back."""
        self._lock.release()

    def _reopen(self) -> None:
        """Free the gate, whatever thread held it: the child of a fork has no such thread."""
        self._lock._at_fork_reinit()

    def _held_here(self) -> bool:
        """Tell whether this thread holds the gate, further down its stack or in another greenlet."""
        return bool(self._lock._is_owned())

    def _defer(self, code: int, operand: Any) -> None:
        """Leave an operation to the holder of the gate."""
        self._deferred.append((code, operand))
