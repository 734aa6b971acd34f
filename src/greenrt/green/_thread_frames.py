"""The frames of threads: `sys._current_frames` with green threads, as in a program that is not patched."""

import sys
from types import FrameType

from greenrt import _original
from greenrt._hub.current_hub import main_greenlet, threads_with_hub
from greenrt._native.switch import current_or_last
from greenrt._typing import Any
from greenrt.green.thread import running_threads

__all__ = ["FUNCTIONS"]


def _current_frames() -> dict[int, FrameType]:
    """Return the topmost frame of each thread by its identity; see `sys._current_frames`.

    A green thread that has not begun to run has none. The frame of the main thread is that of its main greenlet.
    """
    frames: dict[int, FrameType] = _original.current_frames()
    # The caller's frame, without this one.
    frames[_original.get_ident()] = here = sys._getframe(1)
    running = dict(frames)
    mine = current_or_last()
    natives = {hub.parent: ident for ident, hub in list(threads_with_hub.items())}
    for main, ident in natives.items():
        if main.gr_frame is not None:
            # Its greenlets have the native thread.
            frames[ident] = main.gr_frame
    for thread in running_threads():
        frame = thread.gr_frame
        if frame is None and thread is mine:
            frame = here
        elif frame is None and thread._begun and not thread.dead:
            # It runs in another native thread.
            frame = running.get(natives.get(main_greenlet(thread), 0))
        if frame is not None:
            frames[id(thread)] = frame
    return frames


FUNCTIONS: dict[str, Any] = {"_current_frames": _current_frames}
