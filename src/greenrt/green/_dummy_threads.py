"""The end of threading's dummy threads, which stand for greenlets that no Thread started."""

import sys
from collections.abc import Callable
from weakref import ref

from greenlet import greenlet

from greenrt._hub.greenlet import Greenlet
from greenrt._hub.links import Notifier
from greenrt._native.switch import current_or_last
from greenrt._typing import Any

__all__ = ["forget_dummies"]


class _End(Notifier):
    """Calls a function at the very end of a greenlet, before what waits for that goes on."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any], None]) -> None:
        self.function = function

    def notify(self, source: Any) -> None:
        """See `Notifier.notify`."""
        self.function(source)

    def __call__(self, source: Any) -> None:
        # What a link is otherwise.
        self.function(source)


def forget_dummies(module: Any, is_thread: Callable[[greenlet], bool]) -> None:
    """Have a `threading` module forget a dummy thread when its greenlet has finished or is gone.

    Without this each greenlet that asks for current_thread(), as logging does, would stay in the table for ever.
    Up to 3.12 CPython itself keeps the dummies of what `_thread.start_new_thread` made, here `is_thread`, until
    their numbers are used again.
    """
    _keep_trackers_to_threads(module)
    kind = module._DummyThread
    init = kind.__init__
    if getattr(init, "forgets", False):
        return

    def forgetful_init(self: Any) -> None:
        init(self)
        current = current_or_last()
        if sys.version_info < (3, 13) and is_thread(current):
            return
        ident = self._ident

        def forget(_: Any) -> None:
            if module._active.get(ident) is self:
                del module._active[ident]

        self._greenlet = ref(current, forget)
        if isinstance(current, Greenlet):
            current.rawlink(_End(forget))

    forgetful_init.forgets = True  # type: ignore[attr-defined]
    kind.__init__ = forgetful_init


def _keep_trackers_to_threads(module: Any) -> None:
    """From 3.13 on a thread-local object forgets the dummy when its thread ends; for a greenlet that is too late.

    That of a greenlet in the main thread would be freed after the module, and complain.
    """
    tracker = getattr(module, "_DeleteDummyThreadOnDel", None)
    if tracker is None or getattr(tracker, "threads_only", False):
        return

    def track(dummy: Any) -> None:
        if current_or_last().parent is None:
            tracker(dummy)

    track.threads_only = True  # type: ignore[attr-defined]
    module._DeleteDummyThreadOnDel = track
