"""The end of threading's dummy threads, which stand for greenlets that no Thread started."""

from weakref import ref

from greenlet import getcurrent

from greenrt._typing import Any

__all__ = ["forget_dummies"]


def forget_dummies(module: Any) -> None:
    """Have a `threading` module forget a dummy thread when its greenlet is gone.

    Without this each greenlet that asks for current_thread(), as logging does, would stay in the table for ever.
    """
    kind = module._DummyThread
    init = kind.__init__
    if getattr(init, "forgets", False):
        return

    def forgetful_init(self: Any) -> None:
        init(self)
        ident = self._ident

        def forget(_: Any) -> None:
            if module._active.get(ident) is self:
                del module._active[ident]

        self._greenlet = ref(getcurrent(), forget)

    forgetful_init.forgets = True  # type: ignore[attr-defined]
    kind.__init__ = forgetful_init
