"""Permits: the base of locks and semaphores. Greenlets and threads take a limited number of permits, or wait.

A release makes the permit free and calls the waiter that has waited longest, that is, wakes it up to try. The waiter
takes the permit when it runs. Until then the permit counts as free: `locked()` returns False, and an attempt that
must not wait may take the permit. An attempt that may wait takes only permits for which no waiter has been called,
and otherwise queues behind the waiters. So waiters are served in the order of their arrival, and a greenlet that
takes a lock again and again cannot starve them.

A called waiter that finds no permit waits again, in front of all waiters that have never been called. After PATIENCE
such vain calls in a row, the permit is kept for the called waiter: an attempt that must not wait first lets others
run. The attempt fails if the waiter belongs to another thread and still has not run. A kill or a timeout never undoes
a call: it takes effect at the waiter's next wait. If a called waiter cannot run any more, the next one is called.
"""

from greenrt._hub.guarded import Guarded, WaitList
from greenrt._hub.park import TIMED_OUT, as_seconds, in_hub, new_park, yield_now
from greenrt._native.thread import monotonic
from greenrt._typing import Any

__all__ = ["Permits"]

ACQUIRE = 1
RELEASE = 2
PREPARE = 3

# How many vain calls of waiters in a row may be caused by attempts that must not wait.
PATIENCE = 100


class _Called:
    """The type of CALLED."""

    def __repr__(self) -> str:
        return "CALLED"


# The outcome of the park of a waiter that was called and shall try to take a permit. The park of a waiter that has
# tried in vain carries it from the start.
CALLED: Any = _Called()


class Permits(Guarded):
    """The number of free permits, and the waiters for a permit."""

    __slots__ = ("_called", "_left", "_vain", "_waiters")

    _left: int
    _vain: int
    # The waiters that have not been called, and the called waiters that have not run since. Both exist, or neither.
    _waiters: WaitList | None
    _called: WaitList | None

    def _obtain(self, blocking: bool, timeout: Any) -> bool:
        """Take a permit; return False if none is free, or becomes free in `timeout` seconds (None: no limit)."""
        # To answer at once, the caller needs the internal lock. A caller that parks has time, but the hub can't park.
        if self._enter() or ((not blocking or in_hub()) and self._insist()):
            called = self._called
            free = self._left > 0 and (
                called is None or self._left > called.count or self._may_overtake(blocking)
            )
            if free:
                self._left -= 1
            self._finish()
            if free:
                return True
        if not blocking:
            return self._left > 0 and self._obtain_after_others()
        if self._waiters is None:
            # Make the lists here, without the internal lock: an allocation can run finalizers, and a finalizer may
            # wait for this object.
            self._submit(PREPARE, (WaitList(), WaitList()))
        started = 0.0 if timeout is None else monotonic()
        park: Any = new_park(self)
        outcome = self._wait(ACQUIRE, park, timeout)
        if outcome is CALLED:
            return self._take_turn(park) or self._wait_again(timeout, started)
        return outcome is not TIMED_OUT

    def _may_overtake(self, blocking: bool) -> bool:
        """Return whether the caller may take a permit for which a waiter has been called."""
        if blocking:
            return in_hub()
        return self._vain < PATIENCE or in_hub()

    def _obtain_after_others(self) -> bool:
        """Let the called waiters run; then take a permit if one is free for which no waiter has been called."""
        if in_hub():
            # The internal lock was not available, and the hub cannot yield.
            return False
        yield_now()
        if not (self._enter() or self._insist()):
            return False
        called = self._called
        free = self._left > (0 if called is None else called.count)
        if free:
            self._left -= 1
        self._finish()
        return free

    def _take_turn(self, park: Any) -> bool:
        """Take a permit for the caller, a waiter that was called; return False if none is free."""
        if not (self._enter() or self._insist()):
            self._withdraw(park)
            return False
        called: Any = self._called
        # The list is None in the child of a fork, which resets the lock.
        if called is not None:
            called.remove(park)
        free = self._left > 0
        if free:
            self._left -= 1
            self._vain = 0
        else:
            self._vain += 1
        self._finish()
        return free

    def _wait_again(self, timeout: Any, started: float) -> bool:
        """Wait again, near the front, after a call in vain."""
        while True:
            if self._waiters is None:
                self._submit(PREPARE, (WaitList(), WaitList()))
            left = None if timeout is None else as_seconds(timeout) - (monotonic() - started)
            park: Any = new_park(self)
            park.outcome = CALLED
            outcome = self._wait(ACQUIRE, park, left)
            if outcome is not CALLED:
                return outcome is not TIMED_OUT
            if self._take_turn(park):
                return True

    def _give_back(self) -> None:
        """Release a permit and call the waiter that has waited longest."""
        if self._enter():
            try:
                self._release_one()
            finally:
                self._finish()
        else:
            self._submit(RELEASE, None)

    # -- The caller holds the internal lock

    def _release_one(self) -> None:
        self._left += 1
        self._call_waiters()

    def _call_waiters(self) -> None:
        """Call a waiter for each free permit for which no waiter has been called."""
        waiters = self._waiters
        if waiters is not None:
            called: Any = self._called
            while waiters.count and called.count < self._left:
                park: Any = waiters.popleft()
                called.append(park)
                if not park.wake(CALLED):
                    called.remove(park)

    def _line_up(self, park: Any) -> None:
        """Add a waiter: at the end, or, if it was called in vain, before the waiters that have never been called."""
        waiters: Any = self._waiters
        if park.outcome is CALLED:
            behind = waiters.head
            while behind is not None and behind.outcome is CALLED:
                behind = behind.following
            waiters.insert(park, behind)
        else:
            waiters.append(park)

    def _apply(self, code: int, operand: Any) -> None:
        if code == ACQUIRE:
            park = operand
            # The list exists: it was made before the park.
            called: Any = self._called
            if self._left > called.count:
                # Taken first: in the plain build a signal handler may let the waiter run before `wake` returns.
                self._left -= 1
                if not park.wake(True):
                    self._left += 1
            else:
                self._line_up(park)
        elif code == RELEASE:
            self._release_one()
        elif code == PREPARE:
            if self._waiters is None:
                self._waiters, self._called = operand
        else:
            Guarded._apply(self, code, operand)
            # The removed waiter may have been called: call the next one.
            self._call_waiters()

    def _at_fork_reinit(self) -> None:
        # `threading` calls this in the child of a fork, where the waiters do not exist.
        self._reset_after_fork()
        self._waiters = self._called = None
        self._vain = 0
