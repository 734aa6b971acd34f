"""Watchers that hold something besides their loop: an fd, a thread, a place in a table."""

from greenrt._loop.watchers import Watcher

__all__ = ["Holder"]


class Holder(Watcher):
    """Base of the watchers that must let go of something when their loop is closed, or the process forks."""

    __slots__ = ()

    def _arm(self) -> None:
        self._take_hold()
        self.loop.holders.append(self)

    def _disarm(self) -> None:
        self.loop.holders.remove(self)
        self._let_go()

    def _take_hold(self) -> None:
        raise NotImplementedError

    def _let_go(self) -> None:
        raise NotImplementedError

    def forked(self) -> None:
        """Do what the child of a fork needs; called by `Loop.reinit`, before anything of the user's runs."""
        raise NotImplementedError
