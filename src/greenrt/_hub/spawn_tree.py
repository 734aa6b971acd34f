"""What greenlets remember about their spawning: by which greenlet, with which calls, and the locals of their tree.

Nothing is recorded before `track` is called. `greenrt.compat.gevent` calls it.
"""

import sys
from functools import cached_property
from types import CodeType, FrameType
from weakref import ref

from greenlet import getcurrent

from greenrt._hub.greenlet import record_spawns
from greenrt._render import is_own_frame
from greenrt._typing import Any

__all__ = ["Caller", "Origin", "track"]

# How many frames of the spawning greenlet are recorded.
STACK_LIMIT = 10


class Caller:
    """A call that led to the spawning of a greenlet. It has the attributes of a frame that `traceback` reads."""

    __slots__ = ("f_back", "f_code", "f_lineno")

    def __init__(self, code: CodeType, line: int, back: "Caller | None") -> None:
        self.f_code = code
        self.f_lineno = line
        self.f_back = back

    @property
    def f_globals(self) -> None:
        """None: the spawning keeps no data of the program alive."""
        return None


class Origin:
    """How a greenlet was spawned.

    Attributes: `greenlet`, a weak reference to the spawning greenlet; `locals`, the dict that is shared by the
    greenlets of the tree; `stack`, the innermost call that spawned, with the calls around it.
    """

    def __init__(self) -> None:
        spawner: Any = getcurrent()
        self.greenlet = ref(spawner)
        shared = getattr(spawner, "spawn_tree_locals", None)
        if shared is None:
            shared = {}
            # The children of a main greenlet have separate locals.
            if spawner.parent is not None and not hasattr(spawner, "spawn_tree_locals"):
                spawner.spawn_tree_locals = shared
        self.locals: dict[Any, Any] = shared
        frame: FrameType | None = sys._getframe(1)
        # In the plain build, `Greenlet` has frames.
        while frame is not None and is_own_frame(frame):
            frame = frame.f_back
        calls = []
        for _ in range(STACK_LIMIT):
            if frame is None:
                break
            calls.append((frame.f_code, frame.f_lineno))
            frame = frame.f_back
        self._calls = calls

    @cached_property
    def stack(self) -> Caller | None:
        """The innermost call."""
        made = None
        for code, line in reversed(self._calls):
            made = Caller(code, line, made)
        return made


def track(on: bool) -> None:
    """Record the spawning of greenlets from now on, or stop that. Any thread."""
    record_spawns(Origin if on else None)
