"""Watchers for changes of a path, by stat(2) at intervals in a native thread, since a file system may block.

libev also uses inotify(7), but this module does not. inotify would only report a change sooner, and the interval can
be 0.1 s. The periodic checks would still be needed, since inotify does not report changes by other hosts in a network
file system, nor those in /proc and /sys. A path that does not exist yet, or that leads through links, needs a watch
on each directory on its way, and a user has 128 instances in all (max_user_instances). `loop.io` can watch an inotify
fd.
"""

import os
from collections.abc import Callable
from math import isnan

from greenrt._events import TIMER
from greenrt._loop.callback import Callback
from greenrt._loop.turn import LoopBase
from greenrt._loop.watchers.base import Holder
from greenrt._native.helper import start_helper
from greenrt._typing import Any
from greenrt.errors import LoopClosed

__all__ = ["Stat"]

# The interval for 0, and the smallest interval, in seconds. The values are libev's.
DEFAULT_INTERVAL = 5.0
LEAST_INTERVAL = 0.1


class Stat(Holder):
    """A watcher that calls back if the device, inode, size, mtime or ctime of the file at `path` has changed.

    So it also reports that the path was created, removed or replaced. Links are followed.

    path: str, bytes or os.PathLike; TypeError otherwise. interval: seconds between two checks; 0 stands for 5, and
    the minimum is 0.1; ValueError if it is negative or NaN.

    `attr` is the last result of os.stat, and `prev` the one before; None if os.stat has failed. `start` checks at
    once, and blocks for that time; then a native thread checks every `interval` seconds. Changes that cancel each
    other between two checks are not reported, nor changes that a network file system does not show yet.
    """

    __slots__ = ("_checking", "_interval", "attr", "interval", "path", "prev")

    def __init__(
        self, loop: LoopBase, path: str | bytes | os.PathLike[str], interval: float = 0.0, ref: bool = True
    ) -> None:
        if isnan(interval) or interval < 0:
            raise ValueError(f"loop.stat() checks every `interval` seconds, 0 or more, not {interval!r}")
        super().__init__(loop, ref)
        self.path: str | bytes = os.fspath(path)
        self.interval: float = interval
        self._interval = max(interval or DEFAULT_INTERVAL, LEAST_INTERVAL)
        self.attr: os.stat_result | None = None
        self.prev: os.stat_result | None = None
        # The token of the check in progress: results of older checks are dropped.
        self._checking: object = None

    # -- The methods of Holder

    def _acquire(self) -> None:
        self.attr = self.prev = _stat(self.path)
        self._sleep()

    def _release(self) -> None:
        self._checking = None
        self.loop.timers.remove(self)

    def forked(self) -> None:
        """See `Holder.forked`: the checking thread exists only in the parent."""
        if self._checking is not None:
            self._sleep()

    # -- Checking

    def _sleep(self) -> None:
        self._checking = None
        self.loop.timers.push(self, self.loop.clock.now() + self._interval)

    def fire(self, events: int) -> None:
        """See `Entry.fire`: start a check. Without events, the call is from `feed`."""
        if not events:
            super().fire(0)
            return
        self._checking = token = object()
        try:
            start_helper(self._check, (token,))
        except RuntimeError:
            # No more threads can be started: try again after the interval.
            self._sleep()

    def _check(self, token: object) -> None:
        attr = _stat(self.path)
        try:
            self.loop.post(Callback(self._on_result, (token, attr)))
        except LoopClosed:
            pass

    def _on_result(self, token: object, attr: os.stat_result | None) -> None:
        if token is not self._checking:
            return
        self._sleep()
        if _key(attr) != _key(self.attr):
            self.prev, self.attr = self.attr, attr
            super().fire(TIMER)

    def feed(self, events: int, callback: Callable[..., object] | None = None, *args: Any) -> None:
        """See `Watcher.feed`. `attr` and `prev` stay as they are."""
        super().feed(0, callback, *args)

    def __repr__(self) -> str:
        return super().__repr__().replace(" at ", f" path={self.path!r} at ", 1)


def _stat(path: Any) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _key(attr: os.stat_result | None) -> Any:
    if attr is None:
        return None
    return attr.st_dev, attr.st_ino, attr.st_size, attr.st_mtime_ns, attr.st_ctime_ns
