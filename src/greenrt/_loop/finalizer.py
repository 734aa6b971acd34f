"""Finalizers of watchers: one last call, after the last use of the watchers."""

from collections.abc import Callable, Sequence

from greenrt._loop.callback import Entry
from greenrt._typing import Any
from greenrt.errors import Finalized

__all__ = ["Finalizer", "finalize"]


def finalize(
    loop: Any, watchers: Sequence[Any], fn: Callable[[Any], object] | None, subject: Any, immediate: bool
) -> bool:
    """End `watchers` (distinct, of `loop`) and call ``fn(subject)`` once all are quiet; return whether that is done.

    A watcher is quiet if its callback is not running and no greenlet waits for it. May be called from any thread and
    signal handler; never blocks. Raises Finalized if another call is finalizing one of the watchers.
    """
    # Made before the claim, since it may fail if there is no memory.
    entry = Finalizer(loop, watchers, fn, subject)
    _claim(watchers)
    for watcher in watchers:
        watcher._note_end()
    try:
        if loop.on_owner_thread():
            for watcher in watchers:
                watcher._quiesce()
            if immediate and entry.may_run():
                entry.run()
                return True
        if loop.post_final(entry):
            return False
    except BaseException:
        # `fn` was not called, and no queued entry will call it: the caller may try again.
        if entry.claim():
            for watcher in watchers:
                watcher._revive()
        raise
    # The loop has ended, and runs no more callbacks.
    entry.run()
    return True


def _claim(watchers: Sequence[Any]) -> None:
    for index, watcher in enumerate(watchers):
        if not watcher.claim():
            for claimed in watchers[:index]:
                claimed.unclaim()
            raise Finalized(f"{watcher!r} is finalized already; finalize a watcher once")


class Finalizer(Entry):
    """An entry of the run queue that calls `fn` once its watchers are quiet (see `finalize`)."""

    __slots__ = ("_fn", "_loop", "_subject", "_watchers")

    def __init__(self, loop: Any, watchers: Sequence[Any], fn: Any, subject: Any) -> None:
        self._loop = loop
        self._watchers = watchers
        self._fn = fn
        self._subject = subject

    def may_run(self) -> bool:
        """Return whether all watchers are quiet."""
        # Not a generator: CPython 3.13 crashes if it finds no memory for one.
        for watcher in self._watchers:  # noqa: SIM110
            if not watcher._is_quiet():
                return False
        return True

    def run(self) -> None:
        """See `Entry.run`: call `fn`, or wait for another turn."""
        loop = self._loop
        try:
            for watcher in self._watchers:
                # Once more, in the owner thread: `finalize` may have run in another thread, or inside a `start`.
                watcher._quiesce()
            if not loop.closed and not self.may_run():
                # `_quiesce` has woken up the waiters, which are in the run queue now.
                loop.ready.append(self)
                return
        except BaseException:
            # There is no memory, or a signal handler has raised. `fn` was not called, so try again in another turn.
            loop.ready.append(self)
            raise
        if self.claim():
            try:
                if self._fn is not None:
                    self._fn(self._subject)
            finally:
                self._forget()

    def cancel(self) -> None:
        """End the watchers without calling `fn`."""
        if self.claim():
            for watcher in self._watchers:
                watcher._quiesce()
            self._forget()

    def _forget(self) -> None:
        for watcher in self._watchers:
            watcher._drop()
        self._watchers = ()
        self._fn = self._subject = None

    def __repr__(self) -> str:
        return f"<Finalizer at {id(self):#x} {self._fn!r} of {list(self._watchers)!r}>"
