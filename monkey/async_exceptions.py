"""`ctypes.pythonapi.PyThreadState_SetAsyncExc`, by which programs end threads, for green threads too."""

from types import ModuleType

from greenrt._typing import Any
from greenrt.green.thread import throw_into

__all__ = ["patch_ctypes"]

NAME = "PyThreadState_SetAsyncExc"


def patch_ctypes(ctypes: ModuleType) -> None:
    """Have `ctypes.pythonapi` answer for green threads."""
    setattr(ctypes.pythonapi, NAME, _SetAsyncExc(getattr(ctypes.pythonapi, NAME)))


class _SetAsyncExc:
    """The function of ctypes, whose attributes these are; for the number of a green thread, greenrt's own."""

    def __init__(self, native: Any) -> None:
        object.__setattr__(self, "_native", native)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._native, name, value)

    def __call__(self, ident: Any, exception: Any) -> Any:
        try:
            # Of c_ulong and py_object.
            number, kind = getattr(ident, "value", ident), getattr(exception, "value", exception)
        except ValueError:
            # NULL, which takes back what was set: that can't be done to a green thread.
            number, kind = ident, None
        if isinstance(kind, type) and throw_into(number, kind):
            return 1
        return self._native(ident, exception)
