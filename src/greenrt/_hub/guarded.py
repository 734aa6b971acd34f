"""The base of all primitives that greenlets and threads share: a list of waiters, and mutual exclusion."""

from greenrt import _original
from greenrt._hub.park import Park
from greenrt._native.thread import monotonic
from greenrt._native.try_lock import TryLock
from greenrt._signature import ConstructorSignature
from greenrt._typing import Any

__all__ = ["Guarded", "WaitList"]

# The operation code that every Guarded knows; subclasses number theirs from 1.
CANCEL = 0

# How long a thread waits until another thread leaves its critical section (seconds).
PATIENCE = 1.0


class WaitList:
    """A linked list of parks in the order of their arrival. A park can be removed at any position.

    Callers hold the lock of the object that owns the list.
    """

    __slots__ = ("count", "head", "tail")

    def __init__(self) -> None:
        self.head: Park | None = None
        self.tail: Park | None = None
        self.count: int = 0

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
        """Remove `park`; return whether it was in the list."""
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


class Guarded(TryLock):
    """State that any greenlet of any thread may change, one operation at a time.

    A finalizer or a signal handler can run inside any critical section, so a thread must never wait for itself. If
    the calling thread itself holds the lock, the operation is queued. The holder runs the queued operations before
    and after it releases the lock. If another thread holds the lock, the caller waits. Two rules keep critical
    sections short and safe: they never switch greenlets, and they never drop an object of the program.

    A subclass numbers its operations and carries them out in `_apply`.
    """

    __slots__ = ("__weakref__",)
    __signature__: ConstructorSignature = ConstructorSignature()

    def _apply(self, code: int, operand: Any) -> None:
        """Carry out one operation. The caller holds the lock."""
        if code == CANCEL:
            queue = operand.queue
            if queue is not None:
                queue.remove(operand)

    def _submit(self, code: int, operand: Any) -> None:
        """Carry out an operation now. If this thread itself holds the lock, queue it for the holder."""
        # If another thread holds the lock, wait: the effect must be visible on return. Otherwise the caller could
        # find, say, an event set that it has just cleared.
        if self._enter() or self._insist():
            try:
                self._apply(code, operand)
            finally:
                self._finish()
        else:
            self._defer(code, operand)
            # The holder may have released the lock between the two calls.
            if self._enter():
                self._finish()

    def _finish(self) -> None:
        """Carry out the queued operations, and release the lock."""
        while True:
            while self._deferred:
                code, operand = self._deferred.pop(0)
                try:
                    self._apply(code, operand)
                except BaseException:
                    self._leave()
                    raise
            self._leave()
            # Other code found the lock taken, and queued an operation after the loop.
            if not self._deferred or not self._enter():
                return

    def _insist(self) -> bool:
        """Take the lock, for an operation whose result is needed now.

        Wait for another thread, which is inside a short critical section, but never for the calling thread. Return
        False if this thread holds the lock further down its stack, or in another greenlet.
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
        """Free the lock and drop the queued operations: in the child of a fork they are those of the parent."""
        self._deferred = []
        self._reopen()

    def _wait(self, code: int, park: Park, timeout: Any) -> Any:
        """Submit `park` as the operation `code`, and wait. A wait that ends by a timeout or an error is withdrawn."""
        park.guard = self
        self._submit(code, park)
        return park.wait(timeout)

    def _withdraw(self, park: Park) -> None:
        """Remove a park whose wait has ended otherwise than by a wake."""
        self._submit(CANCEL, park)
