"""Make `ctypes.pythonapi.PyThreadState_SetAsyncExc`, with which programs end threads, work on green threads."""

from types import ModuleType

from greenrt._typing import Any
from greenrt.green.thread import throw_into

__all__ = ["patch_ctypes"]

NAME = "PyThreadState_SetAsyncExc"


def patch_ctypes(ctypes: ModuleType) -> None:
    """Make `ctypes.pythonapi` support green threads."""
    setattr(ctypes.pythonapi, NAME, _SetAsyncExc(getattr(ctypes.pythonapi, NAME)))


class _SetAsyncExc:
    """A stand-in for the function of ctypes, with its attributes; it calls greenrt's function for a green thread."""

    def __init__(self, native: Any) -> None:
        object.__setattr__(self, "_native", native)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._native, name, value)

    def __call__(self, ident: Any, exception: Any) -> Any:
        try:
            # c_ulong and py_object have a `value`.
            number, kind = getattr(ident, "value", ident), getattr(exception, "value", exception)
        except ValueError:
            # NULL withdraws an exception that was set; this is impossible for a green thread.
            number, kind = ident, None
        if isinstance(kind, type) and throw_into(number, kind):
            return 1
        return self._native(ident, exception)
