"""Signals, for watchers of any loop in any thread.

CPython runs Python signal handlers in the main thread only. There one handler of this module counts each arrival and
posts it to the loops that watch. The C-level handler merges arrivals that the main thread has not seen yet, as the
kernel does (signal(7)): a count tells how many were seen.
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

# Re-entrant, since a signal handler of the same thread may start a watcher inside. `on_arrival` takes no lock: it
# reads a tuple that is replaced, never changed.
_lock = _original.RLock()
_watching: dict[int, tuple["Signal", ...]] = {}

# What was handled by the program before the first watcher of that signal.
_previous: dict[int, Any] = {}


class Signal(Holder):
    """Calls back after signal `number` has arrived; `count` says how often since the callback before.

    Any loop and thread. Only the main thread can change a signal's handler: a start in another thread has the main
    thread's loop do it, soon. The first watcher of a signal takes the place of the program's handler, and the last
    that is stopped gives the place back, unless the program has set another handler since. In the child of a fork the
    forking thread's watchers stay.

    ValueError for a number that is no signal's, for a signal that can't be handled (SIGKILL, SIGSTOP), and from
    `start` in another thread while the main thread has no loop.
    """

    __slots__ = ("_posted", "_seen", "_told", "count", "number")

    def __init__(self, loop: LoopBase, number: int, ref: bool = True) -> None:
        if number not in _signal.valid_signals() or number in (_signal.SIGKILL, _signal.SIGSTOP):
            raise ValueError(
                f"loop.signal() takes the number of a signal that can be handled, not {number!r}"
            )
        super().__init__(loop, ref)
        self.number = int(number)
        self.count = 0
        # How many the main thread has seen, and how many the owner has got: each is written by one thread.
        self._seen = 0
        self._told = 0
        self._posted = False

    def _take_hold(self) -> None:
        with _lock:
            if self.number not in _previous:
                _on_main_thread(_install, self.number)
            _watching[self.number] = (*_watching.get(self.number, ()), self)
            self._told = self._seen

    def _let_go(self) -> None:
        with _lock:
            left = tuple(other for other in _watching[self.number] if other is not self)
            _watching[self.number] = left
        if not left:
            try:
                _on_main_thread(_restore, self.number)
            except ValueError:
                # `on_arrival` does it when the signal comes.
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
        # Cleared first: an arrival in between posts once more, and that finds nothing to tell.
        self._posted = False
        if self.active and self._seen != self._told:
            self.fire(0)

    def run(self) -> None:
        """See `Entry.run`."""
        if self.pending:
            seen = self._seen
            self.count = seen - self._told
            self._told = seen
        super().run()


def _on_main_thread(function: Any, number: int) -> None:
    """Call ``function(number)`` now in the main thread, else soon; ValueError if the main thread has no loop."""
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
        # None: a handler that was not set from Python, and can't be.
        if _original.get_signal(number) is on_arrival and previous is not None:
            _original.set_signal(number, previous)


def on_arrival(number: int, frame: FrameType | None) -> None:
    """The handler of each signal that is watched."""
    watchers = _watching.get(number, ())
    for watcher in watchers:
        watcher.note()
    if not watchers:
        # The last watcher was stopped in another thread: this arrival is the program's.
        previous = _previous.get(number)
        _restore(number)
        if callable(previous):
            previous(number, frame)
        elif previous == _signal.SIG_DFL:
            _signal.raise_signal(number)


_atfork.register(_atfork.LOCKS, lambda: _original.renew_lock(_lock))
