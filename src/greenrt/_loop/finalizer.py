"""The end of watchers: a last call, once, when they are in use no more."""

from collections.abc import Callable, Sequence

from greenrt._loop.callback import Entry
from greenrt._typing import Any
from greenrt.errors import Finalized

__all__ = ["Finalizer", "finalize"]


def finalize(
    loop: Any, watchers: Sequence[Any], fn: Callable[[Any], object] | None, subject: Any, immediate: bool
) -> bool:
    """End `watchers` (distinct, of `loop`) and call ``fn(subject)`` once all are quiet; tell whether that is done.

    Any thread and signal handlers; never blocks. Finalized if one of them is being finalized by another call.
    """
    # Before the claim, as it may fail for want of memory.
    entry = Finalizer(loop, watchers, fn, subject)
    _claim(watchers)
    for watcher in watchers:
        watcher.note_end()
    try:
        if loop.on_owner_thread():
            for watcher in watchers:
                watcher.quiesce()
            if immediate and entry.may_run():
                entry.run()
                return True
        if loop.post_final(entry):
            return False
    except BaseException:
        # Nothing was called, and nothing is queued that still could be: the caller may try again.
        if entry.claim():
            for watcher in watchers:
                watcher.revive()
        raise
    # The loop is gone, and with it all callbacks.
    entry.run()
    return True


def _claim(watchers: Sequence[Any]) -> None:
    for index, watcher in enumerate(watchers):
        if not watcher.claim():
            for claimed in watchers[:index]:
                claimed.unclaim()
            raise Finalized(f"{watcher!r} was finalized before; a watcher has one finalizer")


class Finalizer(Entry):
    """Waits in the run queue until its watchers are quiet: no callback runs, and no greenlet is parked on them."""

    __slots__ = ("_fn", "_loop", "_subject", "_watchers")

    def __init__(self, loop: Any, watchers: Sequence[Any], fn: Any, subject: Any) -> None:
        self._loop = loop
        self._watchers = watchers
        self._fn = fn
        self._subject = subject

    def may_run(self) -> bool:
        """Tell whether all watchers are quiet."""
        # No generator: CPython 3.13 crashes when it finds no memory for one.
        for watcher in self._watchers:  # noqa: SIM110
            if not watcher.quiet():
                return False
        return True

    def run(self) -> None:
        """See `Entry.run`: call the finalizer, or wait for another turn."""
        loop = self._loop
        try:
            for watcher in self._watchers:
                # Again on the loop's thread: the call may have come from another, or out of the middle of a start.
                watcher.quiesce()
            if not loop.closed and not self.may_run():
                # The waiters were woken by `quiesce` and are in the run queue themselves.
                loop.ready.append(self)
                return
        except BaseException:
            # No memory, or a signal handler that raises. Another turn, as nothing was called yet.
            loop.ready.append(self)
            raise
        if self.claim():
            try:
                if self._fn is not None:
                    self._fn(self._subject)
            finally:
                self._forget()

    def cancel(self) -> None:
        """End the watchers without the last call."""
        if self.claim():
            for watcher in self._watchers:
                watcher.quiesce()
            self._forget()

    def _forget(self) -> None:
        for watcher in self._watchers:
            watcher.drop()
        self._watchers = ()
        self._fn = self._subject = None

    def __repr__(self) -> str:
        return f"<Finalizer at {id(self):#x} {self._fn!r} of {list(self._watchers)!r}>"
