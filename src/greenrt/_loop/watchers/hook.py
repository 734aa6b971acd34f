"""Hooks: callbacks at fixed points of each turn, for prepare, check and idle watchers."""

from greenrt._loop.turn import LoopBase
from greenrt._loop.watchers.base import Watcher

__all__ = ["Hook"]


class Hook(Watcher):
    """A watcher that calls back at one point of each turn: before the poll (prepare), after it (check), or when idle.

    While an idle watcher is active the loop never sleeps. Its callback runs only if nothing else is ready.
    """

    __slots__ = ("_list",)

    def __init__(self, loop: LoopBase, hooks: list["Hook"], ref: bool = True) -> None:
        super().__init__(loop, ref)
        self._list = hooks

    def _arm(self) -> None:
        self._list.append(self)

    def _disarm(self) -> None:
        if self in self._list:
            self._list.remove(self)

    def call_now(self) -> None:
        """Call the callback unless the watcher is stopped. Prepare and check watchers run in the turn, not queued."""
        if self.callback is not None:
            self.call(self.callback, self.args)
