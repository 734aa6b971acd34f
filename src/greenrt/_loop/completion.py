"""Completions: requests that the owner thread of a loop carries out, and for which any thread can wait."""

from collections import deque

from greenrt import _providers
from greenrt._loop.callback import Entry
from greenrt._loop.registry import close_if_orphaned, loops_running_here
from greenrt._typing import Any
from greenrt.errors import LoopClosed, WouldDeadlock

__all__ = ["DONE", "Closing", "Completion", "Stopping"]


class Completion(Entry):
    """One request to a loop, which is carried out once. Any thread may read `done` and call `wait`.

    The run queue runs the request like a callback, so no callback of the loop is running at that time. `loop` is the
    loop that carries out the request.
    """

    __slots__ = ("_done", "_waiters", "loop")

    def __init__(self, loop: Any) -> None:
        self.loop: Any = loop
        self._done = False
        self._waiters: deque[Any] = deque()

    @property
    def done(self) -> bool:
        """Whether the request was carried out."""
        return self._done

    def run(self) -> None:
        """See `Entry.run`: carry out the request, unless that was done before."""
        if self.claim():
            try:
                self._do()
            finally:
                self.finish()

    def _do(self) -> None:
        raise NotImplementedError

    def submit(self) -> None:
        """Post the request to the loop; if the loop is closed, finish it at once. Any thread; never blocks."""
        close_if_orphaned(self.loop)
        try:
            self.loop.post(self)
        except LoopClosed:
            self.finish()

    def finish(self) -> None:
        """Mark the request as done and wake up all waiters."""
        self._done = True
        waiters = self._waiters
        while waiters:
            try:
                park = waiters.popleft()
            except IndexError:
                # Two threads finish the same completion of a loop that is closing.
                break
            park.wake(True)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the request is carried out; return False if `timeout` (seconds; None: no limit) expires first.

        May be called from any thread: a greenlet parks, a thread without a hub blocks. Raises WouldDeadlock if the
        request can't be carried out during the wait: in a callback of the same loop, or in a callback of a loop for
        which this loop waits.
        """
        if self._done:
            return True
        if self.loop.on_owner_thread():
            self._wait_here()
            return True
        assert _providers.make_park is not None
        park = _providers.make_park(self)
        self._waiters.append(park)
        if self._done:
            park.wake(True)
        blocked = loops_running_here()
        if not blocked:
            return bool(park.wait(timeout))
        return self._wait_in_callback(blocked, park, timeout)

    def _wait_here(self) -> None:
        """Carry out the request now: the owner thread waits, so no other thread will."""
        self.run()

    def _wait_in_callback(self, blocked: list[Any], park: Any, timeout: float | None) -> bool:
        # Stored before the test below: if two loops wait for each other, at least one of them sees it.
        for loop in blocked:
            loop.waits_for = self.loop
        try:
            met = self.loop
            while met is not None:
                if met in blocked:
                    raise WouldDeadlock(
                        f"a callback of {met!r} can't wait for {self!r}, since a callback of {self.loop!r} waits for "
                        "the first loop; wait in only one of the two, or call stop() without waiting"
                    )
                met = met.waits_for
            return bool(park.wait(timeout))
        finally:
            for loop in blocked:
                loop.waits_for = None

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} at {id(self):#x} {'done' if self._done else 'pending'} in {self.loop!r}>"
        )


class Stopping(Completion):
    """The stop or close of `watcher`, requested by another thread.

    Once it is done, the callback has returned and is not called again.
    """

    __slots__ = ("_close", "watcher")

    def __init__(self, watcher: Any, close: bool) -> None:
        super().__init__(watcher.loop)
        self.watcher = watcher
        self._close = close

    def _do(self) -> None:
        if self._close:
            self.watcher.close()
        else:
            self.watcher.stop()

    def _wait_here(self) -> None:
        self.watcher.stop(wait=True)
        self.run()


class Closing(Completion):
    """The end of a loop, made by its owner thread. It is done when no code of the loop will run any more."""

    __slots__ = ("_finalizers",)

    def __init__(self, loop: Any, finalizers: bool) -> None:
        super().__init__(loop)
        self._finalizers = finalizers

    def run(self) -> None:
        """See `Entry.run`. `Loop.end` finishes this completion, since another one may have begun the close."""
        self.loop.end(self._finalizers)

    def _wait_here(self) -> None:
        raise WouldDeadlock(
            f"{self.loop!r} closes after the running callback, which can't wait for that; return from the callback"
        )


class _Done(Completion):
    """A completion that is done; all calls on the owner thread of a loop return the same one."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None)
        self._done = True

    def __repr__(self) -> str:
        return "<Completion done>"


DONE = _Done()
