"""What every primitive that greenlets and threads share is built on: waiters in order, operations one at a time."""

from greenrt import _original
from greenrt._hub.park import Park
from greenrt._native.thread import monotonic
from greenrt._native.try_lock import TryLock
from greenrt._typing import Any

__all__ = ["Guarded", "WaitList"]

# The operation code that every Guarded knows; subclasses number theirs from 1.
CANCEL = 0

# How long one waits for another thread to leave its critical section (seconds).
PATIENCE = 1.0


class WaitList:
    """Parks in the order of their arrival; each can leave from the middle. Callers hold the gate."""

    __slots__ = ("count", "head", "tail")

    def __init__(self) -> None:
        self.head: Park | None = None
        self.tail: Park | None = None
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def append(self, park: Park) -> None:
        """Add `park` at the end."""
        tail = self.tail
        park.previous = tail
        park.following = None
        park.queue = self
        if tail is None:
            self.head = park
        else:
            tail.following = park
        self.tail = park
        self.count += 1

    def insert(self, park: Park, following: Park | None) -> None:
        """Add `park` before `following`, which is in the list; at the end if that is None."""
        if following is None:
            self.append(park)
            return
        previous = following.previous
        park.previous = previous
        park.following = following
        park.queue = self
        following.previous = park
        if previous is None:
            self.head = park
        else:
            previous.following = park
        self.count += 1

    def remove(self, park: Park) -> bool:
        """Take `park` out; return whether it was in."""
        if park.queue is not self:
            return False
        previous = park.previous
        following = park.following
        if previous is None:
            self.head = following
        else:
            previous.following = following
        if following is None:
            self.tail = previous
        else:
            following.previous = previous
        park.previous = park.following = park.queue = None
        self.count -= 1
        return True

    def popleft(self) -> Any:
        """Remove and return the first park, or return None."""
        head = self.head
        if head is not None:
            following = head.following
            self.head = following
            if following is None:
                self.tail = None
            else:
                following.previous = None
                head.following = None
            head.queue = None
            self.count -= 1
        return head

    def first(self) -> Park | None:
        """Return the first park without removing it, or None."""
        return self.head


class Guarded(TryLock):
    """State that any greenlet of any thread may change, one operation at a time.

    A thread never waits for itself: a finalizer or a signal handler can run inside any critical section. Code that
    finds its own thread in the gate leaves its operation in a list, and the gate's holder works the list off before
    and after giving the gate back. Other threads' critical sections are waited for. Two rules keep them short and
    safe: nothing in them switches, and nothing of the user's is dropped in them.

    A subclass numbers its operations and carries them out in `_apply`.
    """

    __slots__ = ("__weakref__",)

    def _apply(self, code: int, operand: Any) -> None:
        """Carry out one operation; the gate is held."""
        if code == CANCEL:
            queue = operand.queue
            if queue is not None:
                queue.remove(operand)

    def _submit(self, code: int, operand: Any) -> None:
        """Carry out an operation now; if this thread itself holds the gate, have the holder do it."""
        # Not left to the holder where that is another thread: what is returned from must have happened, or its caller
        # would find the state of before (an event that it has cleared, set).
        if self._enter() or self._insist():
            try:
                self._apply(code, operand)
            finally:
                self._finish()
        else:
            self._defer(code, operand)
            # The holder may have left between the two lines.
            if self._enter():
                self._finish()

    def _finish(self) -> None:
        """Work off what was left in the list, and give the gate back."""
        while True:
            while self._deferred:
                code, operand = self._deferred.pop(0)
                try:
                    self._apply(code, operand)
                except BaseException:
                    self._leave()
                    raise
            self._leave()
            # Left after the last look, by code that found the gate taken.
            if not self._deferred or not self._enter():
                return

    def _insist(self) -> bool:
        """Take the gate, for an operation whose answer is needed now.

        Waits for another thread (which is inside a short critical section), never for oneself: False if this
        thread holds the gate further down its stack, or in another greenlet.
        """
        give_up = 0.0
        while not self._enter():
            if self._held_here():
                return False
            # Two finalizers, each inside a critical section that the other needs, must not wait for ever.
            now = monotonic()
            if give_up == 0.0:
                give_up = now + PATIENCE
            elif now > give_up:
                return False
            _original.sleep(0)
        return True

    def _reset_after_fork(self) -> None:
        """Open the gate and forget what was left, in the child of a fork: they were the parent's threads'."""
        self._deferred = []
        self._reopen()

    def _wait(self, code: int, park: Park, timeout: Any) -> Any:
        """Submit `park` as the operation `code`, and wait for it; it is withdrawn if it ends otherwise."""
        park.guard = self
        self._submit(code, park)
        return park.wait(timeout)

    def _withdraw(self, park: Park) -> None:
        """Forget a park whose wait has ended."""
        self._submit(CANCEL, park)
