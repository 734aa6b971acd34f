"""Something that only a loop's own thread can do, asked for by any thread, and waited for if that is wanted."""

from collections import deque
from collections.abc import Callable

from greenrt._loop.callback import Entry
from greenrt._loop.registry import close_if_left, running_here
from greenrt._typing import Any
from greenrt.errors import LoopClosed, WouldDeadlock

__all__ = ["DONE", "Closing", "Stopping", "Ticket", "set_park_factory"]

# Makes what a greenlet or a native thread waits in: `new_park` of the layer above.
_new_park: Callable[[Any], Any] | None = None


def set_park_factory(factory: Callable[[Any], Any]) -> None:
    """Register what a wait parks in."""
    global _new_park
    _new_park = factory


class Ticket(Entry):
    """One request to a loop; it is done once. Any thread may look and wait.

    Queued like a callback, so that no callback of the loop is running when it is done.
    """

    __slots__ = ("_done", "_waiters", "loop")

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        self._done = False
        self._waiters: deque[Any] = deque()

    @property
    def done(self) -> bool:
        """Whether it has been done."""
        return self._done

    def run(self) -> None:
        """See `Entry.run`: do it, unless it was done."""
        if self.claim():
            try:
                self._do()
            finally:
                self.finish()

    def _do(self) -> None:
        raise NotImplementedError

    def submit(self) -> None:
        """Hand it to the loop; with a closed loop there is nothing left to do. Any thread; never blocks."""
        close_if_left(self.loop)
        try:
            self.loop.post(self)
        except LoopClosed:
            self.finish()

    def finish(self) -> None:
        """Let all waiters go on."""
        self._done = True
        waiters = self._waiters
        while waiters:
            try:
                park = waiters.popleft()
            except IndexError:
                # Two threads finish the ticket of a loop that is closing.
                break
            park.wake(True)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is done; return False if `timeout` (seconds; None: for ever) ran out first.

        A greenlet waits cooperatively, a native thread blocks. Any thread. WouldDeadlock if it could never be done
        meanwhile: in a callback of the very loop, or in a callback of a loop that this loop waits for.
        """
        if self._done:
            return True
        if self.loop.on_owner_thread():
            self._wait_here()
            return True
        assert _new_park is not None
        park = _new_park(self)
        self._waiters.append(park)
        if self._done:
            park.wake(True)
        blocked = running_here()
        if not blocked:
            return bool(park.wait(timeout))
        return self._wait_in_callback(blocked, park, timeout)

    def _wait_here(self) -> None:
        """The loop's own thread waits: no other thread will do it."""
        self.run()

    def _wait_in_callback(self, blocked: list[Any], park: Any, timeout: float | None) -> bool:
        # Said before it is looked at: of two loops that wait for each other at least one sees it.
        for loop in blocked:
            loop.awaits = self.loop
        try:
            met = self.loop
            while met is not None:
                if met in blocked:
                    raise WouldDeadlock(
                        f"a callback of {met!r} can't wait for {self!r}: a callback of {self.loop!r} waits for the "
                        "first loop; wait in one of the two only, or stop() without waiting"
                    )
                met = met.awaits
            return bool(park.wait(timeout))
        finally:
            for loop in blocked:
                loop.awaits = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} {'done' if self._done else 'underway'} in {self.loop!r}>"


class Stopping(Ticket):
    """The stop of a watcher that another thread asked for.

    Once it is done, the callback has returned and is not called again.
    """

    __slots__ = ("_for_good", "watcher")

    def __init__(self, watcher: Any, for_good: bool) -> None:
        super().__init__(watcher.loop)
        self.watcher = watcher
        self._for_good = for_good

    def _do(self) -> None:
        if self._for_good:
            self.watcher.close()
        else:
            self.watcher.stop()

    def _wait_here(self) -> None:
        self.watcher.stop(wait=True)
        self.run()


class Closing(Ticket):
    """The end of a loop, which its own thread brings about: done when nothing of the loop will run any more."""

    __slots__ = ("_finalizers",)

    def __init__(self, loop: Any, finalizers: bool) -> None:
        super().__init__(loop)
        self._finalizers = finalizers

    def run(self) -> None:
        """See `Entry.run`. The loop itself finishes this ticket: another one may have begun to close it."""
        self.loop.end(self._finalizers)

    def _wait_here(self) -> None:
        raise WouldDeadlock(
            f"{self.loop!r} closes when the callback that runs is over, which can't wait for that; return from it"
        )


class _Done(Ticket):
    """What is done already; shared by all callers on the loop's own thread."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None)
        self._done = True

    def __repr__(self) -> str:
        return "<Ticket done>"


DONE = _Done()
