"""Semaphores: a number of permits, and the waiters for one."""

from collections.abc import Callable

from greenrt._arguments import as_integer
from greenrt._hub.links import LinkList, as_link
from greenrt._typing import Any, Self, SupportsFloat
from greenrt.sync.permits import Permits

__all__ = ["BoundedSemaphore", "DummySemaphore", "Semaphore"]

# Operation codes in addition to those of `permits`.
LINK = 4
UNLINK = 5

# The default of `release` as one object: most calls pass it, and `is` recognizes it.
ONE = 1


class Semaphore(Permits):
    """A counter: `acquire` subtracts one and parks while it is 0; `release` adds one.

    The interfaces of `threading.Semaphore` and of gevent's class. Any thread may use it, also from a finalizer or a
    signal handler. Waiters are served in the order of their arrival.

    Arguments: `value`, the counter at first (0 or more); `hub` is ignored, and accepted because gevent's class takes
    it. Raises TypeError or ValueError for another `value`. Attribute: `counter`.
    """

    __slots__ = ("_links",)

    def __init__(self, value: int = 1, hub: object = None) -> None:
        self._left = as_integer(value, "value", 0)
        self._vain = 0
        self._links: LinkList | None = None

    @property
    def counter(self) -> int:
        """The number of calls of `acquire` that would succeed at once."""
        return self._left

    def locked(self) -> bool:
        """Return whether `acquire` would have to wait."""
        return self._left == 0

    def ready(self) -> bool:
        """Return whether `acquire` would succeed at once. `greenrt.wait` uses this."""
        return self._left > 0

    def acquire(self, blocking: bool = True, timeout: SupportsFloat | None = None) -> bool:
        """Subtract one from the counter; park while it is 0. Return whether that succeeded.

        Park for at most `timeout` seconds (None: no limit); never park if `blocking` is false.
        """
        return self._obtain(blocking, timeout)

    def release(self, n: int = ONE) -> int:
        """Add `n` (1 or more) to the counter and wake up to `n` waiters in order. Return the counter."""
        if n is ONE:
            self._give_back()
        else:
            self._give_back_several(n)
        return self._left

    def _give_back_several(self, n: int) -> None:
        for _ in range(as_integer(n, "n", 1)):
            self._give_back()

    def wait(self, timeout: SupportsFloat | None = None) -> int:
        """Park until `acquire` would succeed, or for `timeout` seconds (None: no limit).

        Return the counter, from which this takes nothing.
        """
        if self._obtain(True, timeout):
            self._give_back()
        return self._left

    def rawlink(self, callback: Callable[[Self], object]) -> None:
        """Call ``callback(semaphore)`` in the hub of the calling thread as soon as `acquire` would succeed.

        The callback is one-shot. It is scheduled at once if the counter is not 0.
        """
        self._submit(LINK, as_link(callback))

    def unlink(self, callback: Callable[[Self], object]) -> None:
        """Remove a callback that `rawlink` added; no-op if there is none."""
        self._submit(UNLINK, callback)

    def linkcount(self) -> int:
        """Return the number of waiters and linked callbacks."""
        waiters = 0 if self._waiters is None else self._waiters.count
        return waiters + (0 if self._links is None else len(self._links.waiting))

    @property
    def hub(self) -> None:
        """None: a semaphore belongs to no thread. gevent has this attribute."""
        return None

    def __enter__(self) -> None:
        self._obtain(True, None)

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        self._give_back()

    # -- The caller holds the internal lock

    def _call_waiters(self) -> None:
        Permits._call_waiters(self)
        links = self._links
        if links is not None and links.waiting:
            called = self._called
            if self._left > (0 if called is None else called.count):
                links.notify_all(self)

    def _apply(self, code: int, operand: Any) -> None:
        if code == LINK:
            if self._links is None:
                self._links = LinkList()
            if self._left > 0:
                self._links.notify(operand, self)
            else:
                self._links.waiting.append(operand)
        elif code == UNLINK:
            if self._links is not None:
                self._links.take_out(operand)
        else:
            Permits._apply(self, code, operand)

    def _at_fork_reinit(self) -> None:
        Permits._at_fork_reinit(self)
        self._links = None

    def __repr__(self) -> str:
        waiting = 0 if self._waiters is None else self._waiters.count
        return f"<{type(self).__name__} at {id(self):#x} counter={self._left} waiting={waiting}>"


class BoundedSemaphore(Semaphore):
    """A Semaphore whose `release` raises ValueError if the counter would exceed its first value.

    Arguments and attributes are those of Semaphore.
    """

    __slots__ = ("_bound",)

    def __init__(self, value: int = 1, hub: object = None) -> None:
        super().__init__(value, hub)
        self._bound = self._left

    def _give_back(self) -> None:
        if self._enter() or self._insist():
            fits = self._left < self._bound
            try:
                if fits:
                    self._release_one()
            finally:
                self._finish()
            if not fits:
                raise ValueError(
                    f"{self!r} was released more often than it was acquired (its bound is {self._bound})"
                )
        else:
            Permits._give_back(self)


class DummySemaphore:
    """A semaphore that is always free. Code for an unlimited number of users needs no special case with it."""

    def __init__(self, value: object = None) -> None:
        """Ignore `value`."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def locked(self) -> bool:
        """Return False."""
        return False

    def ready(self) -> bool:
        """Return True."""
        return True

    def acquire(self, blocking: bool = True, timeout: SupportsFloat | None = None) -> bool:
        """Return True."""
        return True

    def release(self) -> None:
        """Do nothing."""

    def wait(self, timeout: SupportsFloat | None = None) -> int:
        """Return 1."""
        return 1

    def rawlink(self, callback: Callable[[Self], object]) -> None:
        """Do nothing."""

    def unlink(self, callback: Callable[[Self], object]) -> None:
        """Do nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        pass
