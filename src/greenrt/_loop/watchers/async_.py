"""Async watchers, with which other threads and signal handlers call back into the loop."""

from greenrt._loop.watchers.base import Watcher
from greenrt.errors import LoopClosed

__all__ = ["Async"]


class Async(Watcher):
    """A watcher that calls back after `send`. Several sends before the callback count as one."""

    __slots__ = ()

    def _arm(self) -> None:
        pass

    def _disarm(self) -> None:
        pass

    def send(self) -> None:
        """Make the loop's thread call the callback once, for all sends until then.

        May be called from any thread and signal handler. Raises ValueError if the watcher is not active, since there
        is no callback, and LoopClosed if the loop is closed.
        """
        if not self._active:
            raise ValueError(f"{self!r} is not started; call start() first")
        if not self._pending:
            self._pending = True
            try:
                self.loop.post(self)
            except LoopClosed:
                # So that the next call raises too.
                self._pending = False
                raise

    def send_ignoring_arg(self, _ignored: object) -> None:
        """Call `send`; for use as a callback that receives an argument."""
        self.send()
