"""References that a dump takes to the program's objects, and how it gives them up.

The program may drop its own references meanwhile. Then those of the dump are the last ones. If the thread of the dump
dropped them, the program's finalizers would run in it, and might wait there for ever.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import compress, count
from sys import getrefcount
from types import FrameType

from greenrt import _original
from greenrt._hub.current_hub import threads_with_hub
from greenrt._hub.greenlet import spawn
from greenrt._hub.park import yield_now
from greenrt._loop.callback import Callback
from greenrt._render import is_own_frame
from greenrt._typing import Any, TypeVar
from greenrt.errors import LoopClosed
from greenrt.inspect.collector import without_collections

__all__ = ["References", "look"]

T = TypeVar("T")

# So many references are dropped at once: meanwhile no other thread runs.
STEP = 1000


def _rare(objects: list[Any], limit: int) -> Iterator[Any]:
    """Return an iterator of C code over the objects with at most so many references, its own ones included."""
    # A set is faster than a comparison.
    return compress(objects, map(frozenset(range(limit + 1)).__contains__, map(getrefcount, objects)))


# The limit that selects the objects to which only the list refers.
_ALONE = next(limit for limit in count() if [*_rare([object()], limit)])


class References:
    """References to the program's objects.

    Attribute: `kept`, a list to which a dump adds what it refers to for longer than a moment.
    """

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self._last: list[Any] = []

    def frame_of(self, thread: int) -> FrameType | None:
        """Return the innermost frame of a native thread, and keep it; of the calling thread, the program's innermost.

        A frame of the dump itself would be a cycle with its own variables.
        """
        if thread == _original.get_ident():
            frame: FrameType | None = sys._getframe()
            while frame is not None and is_own_frame(frame):
                frame = frame.f_back
            return frame
        return self.frames().get(thread)

    def frames(self) -> dict[int, FrameType]:
        """Return the innermost frames of all native threads but the calling one, and keep them."""
        found: dict[int, FrameType] = _original.current_frames()
        found.pop(_original.get_ident(), None)
        self.kept += found.values()
        return found

    def drop(self, objects: list[Any]) -> None:
        """Empty a list that has at most one reference to each object. What only it refers to is kept until `end`."""
        while objects:
            some = objects[-STEP:]
            del objects[-STEP:]
            # One step of C code: no other thread can drop its reference between the count and the drop of ours.
            some[:] = _rare(some, _ALONE)
            self._last += some

    def end(self) -> None:
        """Drop what is kept. In a thread of the program, which has a hub, what nothing else refers to dies now.

        In another thread it is posted, to die in a greenlet of the main thread; if that has no hub, of some thread
        that has one.
        """
        kept = list(dict(zip(map(id, self.kept), self.kept, strict=True)).values())
        self.kept.clear()
        self.drop(kept)
        last, self._last = self._last, []
        has_hub = _original.get_ident() in threads_with_hub
        if last and (has_hub or not _posted(Callback(spawn, (_release, last)))):
            last.clear()


def _posted(callback: Callback) -> bool:
    loops = [hub.loop for hub in list(threads_with_hub.values())]
    for loop in sorted(loops, key=lambda loop: not loop.default):
        try:
            loop.post(callback)
        except LoopClosed:
            continue
        return True
    return False


def _release(objects: list[Any]) -> None:
    while objects:
        del objects[-STEP:]
        yield_now()


def look(work: Callable[[References], T]) -> T:
    """Return ``work(references)`` for new References. Meanwhile the garbage collector rests; then the references end.

    So no finalizer of the program runs during the work; and none in the calling thread, if that has no hub and
    another thread has one.
    """
    references = References()
    try:
        return without_collections(lambda: work(references))
    finally:
        references.end()
