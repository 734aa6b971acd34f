"""Event: a flag that can be waited for."""

from greenrt._hub.latch import Latch
from greenrt._typing import Any

__all__ = ["Event"]


class Event(Latch):
    """A flag; `wait` suspends until it is set. threading.Event's interface, and gevent's.

    Any thread may set, clear and wait, also from a finalizer or a signal handler. Waiters are woken in the order
    of their arrival; a `set` that is followed at once by `clear` still wakes all waiters.
    """

    __slots__ = ()

    def is_set(self) -> bool:
        """Tell whether the flag is set."""
        return self._set

    def isSet(self) -> bool:
        """The same as `is_set`: threading's older name."""
        return self._set

    def ready(self) -> bool:
        """The same as `is_set`: what `greenrt.wait` asks."""
        return self._set

    def set(self) -> None:
        """Set the flag and wake all waiters."""
        self.fire()

    def clear(self) -> None:
        """Unset the flag."""
        self.reset()

    def wait(self, timeout: float | None = None) -> bool:
        """Suspend until the flag is set, or for `timeout` seconds; tell whether it was set."""
        return self._set or self.wait_set(timeout)

    def rawlink(self, callback: Any) -> None:
        """Call ``callback(event)`` in this thread's hub once the flag is set; at once if it is."""
        self.link(callback)

    def linkcount(self) -> int:
        """Return how many wait or are linked."""
        return self.count_waiting()

    def _at_fork_reinit(self) -> None:
        # threading calls this in the child of a fork.
        self._forget_waiting()

    def __repr__(self) -> str:
        state = "set" if self._set else "clear"
        return f"<{type(self).__name__} at {id(self):#x} {state} waiting={self.count_waiting()}>"
