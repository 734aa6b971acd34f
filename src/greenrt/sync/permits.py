"""Permits: so many may go on at once; who comes later waits for one. Under locks and semaphores."""

from greenrt._hub.guard import Guarded, WaitList
from greenrt._hub.park import TIMED_OUT, in_hub, new_park
from greenrt._typing import Any

__all__ = ["Permits"]

ACQUIRE = 1
RELEASE = 2
PREPARE = 3


class Permits(Guarded):
    """How many permits are left, and who waits for one: they are handed over in the order of arrival."""

    __slots__ = ("_left", "_waiters")

    _left: int
    _waiters: WaitList | None

    def _obtain(self, blocking: bool, timeout: Any) -> bool:
        """Take one; return False if none is left, or none comes within `timeout` seconds (None: no limit)."""
        # Without the gate no answer can be had at once; with a park there is time, but the hub can't have one.
        if self._enter() or ((not blocking or in_hub()) and self._insist()):
            free = self._left > 0
            if free:
                self._left -= 1
            self._finish()
            if free:
                return True
        if not blocking:
            return False
        if self._waiters is None:
            # Made here: an allocation can run finalizers, and one that waits for this must not hold the gate.
            self._submit(PREPARE, WaitList())
        return self._wait(ACQUIRE, new_park(self), timeout) is not TIMED_OUT

    def _give_back(self) -> None:
        """Hand one to who waits longest, or have one more."""
        if self._enter():
            try:
                self._release_one()
            finally:
                self._finish()
        else:
            self._submit(RELEASE, None)

    # -- With the gate held

    def _release_one(self) -> None:
        waiters = self._waiters
        if waiters is not None:
            while waiters.count:
                park: Any = waiters.popleft()
                if park.wake(True):
                    return
        self._left += 1

    def _apply(self, code: int, operand: Any) -> None:
        if code == ACQUIRE:
            park = operand
            if self._left > 0:
                if park.wake(True):
                    self._left -= 1
            else:
                # There since before the park was made.
                waiters: Any = self._waiters
                waiters.append(park)
        elif code == RELEASE:
            self._release_one()
        elif code == PREPARE:
            if self._waiters is None:
                self._waiters = operand
        else:
            Guarded._apply(self, code, operand)

    def _at_fork_reinit(self) -> None:
        # threading calls this in the child of a fork: who waited isn't there.
        self._renew()
        self._waiters = None
