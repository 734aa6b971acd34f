"""Signal watchers, for any loop in any thread.

CPython runs Python signal handlers in the main thread only. There one handler of this module counts each arrival and
posts it to the loops of the watchers. The C-level handler merges arrivals that the main thread has not seen yet, as
the kernel does (signal(7)): the count is the number of arrivals that the main thread has seen.
"""

import _signal
import os
from types import FrameType

from greenrt import _atfork, _original
from greenrt._loop.callback import Callback
from greenrt._loop.registry import default_loop
from greenrt._loop.turn import LoopBase
from greenrt._loop.watchers.base import Holder
from greenrt._typing import Any
from greenrt.errors import LoopClosed

__all__ = ["Signal", "on_arrival"]

# The lock is re-entrant, since a signal handler of the same thread may start a watcher inside it. `on_arrival` takes
# no lock: it reads a tuple that is replaced and never changed.
_lock = _original.RLock()
_watching: dict[int, tuple["Signal", ...]] = {}

# The program's handler of each signal before its first watcher.
_previous: dict[int, Any] = {}


class Signal(Holder):
    """A watcher that calls back after signal `number` has arrived. `count`: arrivals since the previous callback.

    Any loop in any thread can have one. Only the main thread can change the handler of a signal: a start in another
    thread posts that to the main thread's loop. The first watcher of a signal replaces the program's handler. When
    the last watcher is stopped, the program's handler is restored, unless the program has set another one since. In
    the child of a fork the watchers of the forking thread stay active.

    number: ValueError if it is not the number of a signal, or if the signal can't be handled (SIGKILL, SIGSTOP).
    `start` in another thread raises ValueError while the main thread has no loop.
    """

    __slots__ = ("_posted", "_reported", "_seen", "count", "number")

    def __init__(self, loop: LoopBase, number: int, ref: bool = True) -> None:
        if number not in _signal.valid_signals() or number in (_signal.SIGKILL, _signal.SIGSTOP):
            raise ValueError(
                f"loop.signal() takes the number of a signal that can be handled, not {number!r}"
            )
        super().__init__(loop, ref)
        self.number: int = int(number)
        self.count: int = 0
        # How many arrivals the main thread has seen, and how many the owner thread has reported. Each has one writer.
        self._seen = 0
        self._reported = 0
        self._posted = False

    def _acquire(self) -> None:
        with _lock:
            if self.number not in _previous:
                _on_main_thread(_install, self.number)
            _watching[self.number] = (*_watching.get(self.number, ()), self)
            self._reported = self._seen

    def _release(self) -> None:
        with _lock:
            left = tuple(other for other in _watching[self.number] if other is not self)
            _watching[self.number] = left
        if not left:
            try:
                _on_main_thread(_restore, self.number)
            except ValueError:
                # `on_arrival` restores the handler when the signal arrives.
                pass

    def forked(self) -> None:
        """See `Holder.forked`."""
        self._posted = False

    def note(self) -> None:
        """Count an arrival, in the main thread."""
        self._seen += 1
        if not self._posted:
            self._posted = True
            try:
                self.loop.post(Callback(self._collect, ()))
            except LoopClosed:
                pass

    def _collect(self) -> None:
        # Cleared first: an arrival in between posts once more, and that call finds nothing to report.
        self._posted = False
        if self.active and self._seen != self._reported:
            self.fire(0)

    def run(self) -> None:
        """See `Entry.run`."""
        if self.pending:
            seen = self._seen
            self.count = seen - self._reported
            self._reported = seen
        super().run()


def _on_main_thread(function: Any, number: int) -> None:
    """Call ``function(number)`` if this is the main thread, else post the call to the main thread's loop.

    Raises ValueError if the main thread has no loop.
    """
    if _original.get_native_id() == os.getpid():
        function(number)
        return
    loop = default_loop()
    if loop is None:
        raise ValueError(
            f"signal {number} can't be watched yet: only the main thread can set a signal's handler, and it has no "
            "loop; call greenrt.get_hub() there first, or start the watcher there"
        )
    loop.run_callback_threadsafe(function, number)


def _install(number: int) -> None:
    with _lock:
        if number not in _previous:
            _previous[number] = _original.set_signal(number, on_arrival)


def _restore(number: int) -> None:
    with _lock:
        if _watching.get(number) or number not in _previous:
            return
        previous = _previous.pop(number)
        # None means that C code has set the handler, and Python can't restore it.
        if _original.get_signal(number) is on_arrival and previous is not None:
            _original.set_signal(number, previous)


def on_arrival(number: int, frame: FrameType | None) -> None:
    """Handle a signal with watchers: post it to their loops. Set as its handler in Python."""
    watchers = _watching.get(number, ())
    for watcher in watchers:
        watcher.note()
    if not watchers:
        # Another thread has stopped the last watcher, so this arrival belongs to the program's handler.
        previous = _previous.get(number)
        _restore(number)
        if callable(previous):
            previous(number, frame)
        elif previous == _signal.SIG_DFL:
            _signal.raise_signal(number)


_atfork.register(_atfork.LOCKS, lambda: _original.renew_lock(_lock))
