"""Async watchers: other threads and signal handlers wake the loop."""

from greenrt._loop.watchers.base import Watcher
from greenrt.errors import LoopClosed

__all__ = ["Async"]


class Async(Watcher):
    """Calls back after `send`, which any thread and any signal handler may call; sends coalesce."""

    __slots__ = ()

    def _arm(self) -> None:
        pass

    def _disarm(self) -> None:
        pass

    def send(self) -> None:
        """Have the callback called by the loop's thread, once for all sends until then.

        ValueError if the watcher isn't active: it would call nothing. LoopClosed if the loop is closed.
        """
        if not self._active:
            raise ValueError(f"{self!r} is not started; call start() first")
        if not self._pending:
            self._pending = True
            try:
                self.loop.post(self)
            except LoopClosed:
                # The next call gets it too.
                self._pending = False
                raise

    def send_ignoring_arg(self, _ignored: object) -> None:
        """Call `send`; for use as a callback that is given an argument."""
        self.send()
