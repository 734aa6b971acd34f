"""Timers, one-shot and repeating."""

from collections.abc import Callable
from math import isnan

from greenrt._loop.turn import LoopBase
from greenrt._loop.watchers.base import Watcher
from greenrt._typing import Any

__all__ = ["Timer"]


class Timer(Watcher):
    """A watcher that calls back after `after` seconds, and then every `repeat` seconds if that is not 0.

    after: 0 or less means the next turn of the loop; infinity means never, but the watcher counts as active. repeat:
    0 or more, else ValueError. NaN raises ValueError.

    A timer never fires early. Timers with equal deadlines fire in the order of their starts. If a callback takes
    longer than one or more repeats, there is no burst of calls: the next call is due `repeat` seconds later.
    """

    __slots__ = ("_after", "_repeat")

    def __init__(self, loop: LoopBase, after: float, repeat: float = 0.0, ref: bool = True) -> None:
        if isnan(after) or isnan(repeat):
            raise ValueError(
                f"the times of a timer are numbers of seconds, not after={after!r}, repeat={repeat!r}"
            )
        if repeat < 0:
            raise ValueError(f"the repeat of a timer is 0 or more seconds, not {repeat!r}")
        super().__init__(loop, ref)
        self._after = after
        self._repeat = repeat

    @property
    def at(self) -> float:
        """The deadline on the loop's clock (seconds), while the timer is active."""
        return self.deadline

    def start(
        self, callback: Callable[..., object], *args: Any, update: bool | None = None, once: bool = False
    ) -> None:
        """Call ``callback(*args)`` at the deadline; with `once` the timer does not repeat.

        `update` exists for gevent's signature; the clock is always read. Raises TypeError if `callback` is not
        callable.
        """
        self._activate(callback, args, once)

    def again(self, callback: Callable[..., object], *args: Any, update: bool | None = None) -> None:
        """Restart with a deadline in `repeat` seconds (libev's ev_timer_again); stop if `repeat` is 0."""
        if not self._repeat:
            self.stop()
            return
        after = self._after
        self._after = self._repeat
        try:
            self._activate(callback, args, False)
        finally:
            self._after = after

    def _arm(self) -> None:
        loop = self.loop
        loop.timers.push(self, loop.clock.now() + max(self._after, 0.0))

    def _disarm(self) -> None:
        self.loop.timers.remove(self)

    def run(self) -> None:
        """See `Entry.run`."""
        if not self._pending:
            return
        self._pending = False
        if self.callback is None:
            return
        loop = self.loop
        if not self._active or loop.timers.contains(self):
            # The call is from `feed`: the deadline has not passed.
            pass
        elif self._repeat:
            due = self.deadline + self._repeat
            now = loop.clock.now()
            loop.timers.push(self, due if due > now else now + self._repeat)
        else:
            self._deactivate()
        self.call(self.callback, self.args)
