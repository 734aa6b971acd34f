"""Changes of a path: stat(2) from time to time, in a native thread, since a file system may block.

No inotify(7) besides, as libev has it. It would only tell sooner than the interval, which can be 0.1 s: the looks
would have to go on, since it says nothing of changes that other hosts make in a network file system, nor of those in
/proc and /sys. A path that does not exist yet, or that leads through links, needs a watch on each directory on its
way; and a user has 128 instances in all (max_user_instances). `loop.io` can watch an inotify fd.
"""

import os
from collections.abc import Callable
from math import isnan

from greenrt._loop.callback import TIMER, Callback
from greenrt._loop.turn import LoopBase
from greenrt._loop.watchers.base import Holder
from greenrt._native.helper import start_helper
from greenrt._typing import Any
from greenrt.errors import LoopClosed

__all__ = ["Stat"]

# Seconds, as in libev: for an interval of 0, and at least.
DEFAULT_INTERVAL = 5.0
LEAST_INTERVAL = 0.1


class Stat(Holder):
    """Calls back when what is at `path` has changed: its device, inode, size, times of modification or of status.

    So it also tells that the path was made, removed, or became another file's; links are followed. `attr` is what
    os.stat(2) said last, `prev` what it said before that; None stands for a path that can't be looked at. `start`
    looks at once, and blocks for as long as that takes; then a native thread looks every `interval` seconds (0 stands
    for 5, and 0.1 is the least). Changes that undo each other in between are not seen, nor those that a network file
    system tells late.

    ValueError for an interval that is negative or NaN; TypeError if `path` is none.
    """

    __slots__ = ("_interval", "_looking", "attr", "interval", "path", "prev")

    def __init__(self, loop: LoopBase, path: Any, interval: float = 0.0, ref: bool = True) -> None:
        if isnan(interval) or interval < 0:
            raise ValueError(f"loop.stat() looks every `interval` seconds, 0 or more, not {interval!r}")
        super().__init__(loop, ref)
        self.path = os.fspath(path)
        self.interval = interval
        self._interval = max(interval or DEFAULT_INTERVAL, LEAST_INTERVAL)
        self.attr: os.stat_result | None = None
        self.prev: os.stat_result | None = None
        # A token of the look that is underway: what an older one brings is dropped.
        self._looking: object = None

    # -- What Holder asks for

    def _take_hold(self) -> None:
        self.attr = self.prev = _stat(self.path)
        self._sleep()

    def _let_go(self) -> None:
        self._looking = None
        self.loop.timers.remove(self)

    def forked(self) -> None:
        """See `Holder.forked`: the thread that looks is the parent's."""
        if self._looking is not None:
            self._sleep()

    # -- Looking

    def _sleep(self) -> None:
        self._looking = None
        self.loop.timers.push(self, self.loop.clock.now() + self._interval)

    def fire(self, events: int) -> None:
        """See `Entry.fire`: time to look; with no event, the watcher was fed."""
        if not events:
            super().fire(0)
            return
        self._looking = token = object()
        try:
            start_helper(self._look, (token,))
        except RuntimeError:
            # No more threads: next time.
            self._sleep()

    def _look(self, token: object) -> None:
        attr = _stat(self.path)
        try:
            self.loop.post(Callback(self._seen, (token, attr)))
        except LoopClosed:
            pass

    def _seen(self, token: object, attr: os.stat_result | None) -> None:
        if token is not self._looking:
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
