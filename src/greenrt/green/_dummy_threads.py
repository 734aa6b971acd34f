"""Remove threading's dummy threads, which stand for greenlets that no Thread started, when their greenlets end."""

import sys
from collections.abc import Callable
from weakref import ref

from greenlet import greenlet

from greenrt._hub.greenlet import Greenlet
from greenrt._hub.links import Notifier
from greenrt._native.switch import current_or_last
from greenrt._typing import Any
from greenrt.green._twin import set_methods

__all__ = ["forget_dummies"]


class _End(Notifier):
    """Calls a function at the very end of a greenlet, before the greenlet's waiters continue."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any], None]) -> None:
        self.function = function

    def notify(self, source: Any) -> None:
        """See `Notifier.notify`."""
        self.function(source)

    def __call__(self, source: Any) -> None:
        # Other links are plain callables, so code may call this one too.
        self.function(source)


def forget_dummies(module: Any, is_thread: Callable[[greenlet], bool]) -> None:
    """Let a `threading` module remove a dummy thread when its greenlet has finished or is freed.

    Otherwise each greenlet that calls current_thread(), as logging does, would stay in the module's table for ever.
    Up to 3.12, CPython keeps the dummies of threads that `_thread.start_new_thread` started until their identities
    are used again. `is_thread` identifies these threads here.
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
    set_methods(kind, {"__init__": forgetful_init})


def _keep_trackers_to_threads(module: Any) -> None:
    """Restrict the module's tracker of dummy threads to native threads.

    From 3.13 on, a thread-local object removes the dummy when its thread ends. For a greenlet that is too late. For a
    greenlet in the main thread, the object would be freed after the module, and print an error.
    """
    tracker = getattr(module, "_DeleteDummyThreadOnDel", None)
    if tracker is None or getattr(tracker, "threads_only", False):
        return

    def track(dummy: Any) -> None:
        if current_or_last().parent is None:
            tracker(dummy)

    track.threads_only = True  # type: ignore[attr-defined]
    module._DeleteDummyThreadOnDel = track
