"""Event: a flag that greenlets and threads wait for."""

from greenrt._hub.latch import Latch
from greenrt._typing import SupportsFloat

__all__ = ["Event"]


class Event(Latch):
    """A flag. `wait` parks the caller until another greenlet or thread sets it.

    The interface of `threading.Event`, and of gevent's class of the same name. Any thread may set, clear and wait,
    also from a finalizer or a signal handler. Waiters are woken in the order of their arrival. `set` wakes all
    waiters, even if `clear` follows at once.
    """

    __slots__ = ()

    def is_set(self) -> bool:
        """Return whether the flag is set."""
        return self._set

    def isSet(self) -> bool:
        """Return whether the flag is set: `threading`'s older name of `is_set`."""
        return self._set

    def set(self) -> None:
        """Set the flag and wake all waiters. Idempotent."""
        self._set_flag()

    def clear(self) -> None:
        """Clear the flag; later calls of `wait` park again. Idempotent."""
        self._clear_flag()

    def wait(self, timeout: SupportsFloat | None = None) -> bool:
        """Park until the flag is set; return True, or False after `timeout` seconds (None: no limit).

        Raises TypeError or ValueError if `timeout` is not a number of seconds.
        """
        return self._set or self._wait_set(timeout)

    def _at_fork_reinit(self) -> None:
        # `threading` calls this in the child of a fork.
        self._forget_waiting()

    def __repr__(self) -> str:
        state = "set" if self._set else "clear"
        return f"<{type(self).__name__} at {id(self):#x} {state} waiting={self.linkcount()}>"
