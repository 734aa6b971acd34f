"""A try-lock: the one atomic step under every primitive that several threads share (plain twin)."""

from typing import Any, Self

from greenrt._native.fields import blank
from greenrt._original import allocate_lock, get_ident

__all__ = ["Gate"]


class Gate:
    """A lock that can be tried, never waited for, and a list of what its holder shall do; any thread."""

    __slots__ = ("_deferred", "_lock", "_owner")

    _deferred: list[tuple[int, Any]]
    _lock: Any
    _owner: int

    # As the compiled twin: made complete by __new__, whatever a subclass's __init__ does.
    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        blank(self)
        self._lock = allocate_lock()
        self._owner = 0
        self._deferred = []
        return self

    def _enter(self) -> bool:
        """Take the gate if it is free; tell whether it was."""
        if self._lock.acquire(False):
            self._owner = get_ident()
            return True
        return False

    def _leave(self) -> None:
        """Give the gate back."""
        self._owner = 0
        self._lock.release()

    def _held_here(self) -> bool:
        """Tell whether this thread holds the gate, further down its stack or in another greenlet."""
        return self._owner == get_ident()

    def _defer(self, code: int, operand: Any) -> None:
        """Leave an operation to whoever holds the gate."""
        self._deferred.append((code, operand))
