"""Callables that are not bound when stored on a class, as builtin functions are not (plain twin)."""

from sys import is_finalizing

from greenrt._typing import Any

__all__ = ["unbound"]


class _Unbound(staticmethod):  # type: ignore[type-arg]
    """The type of the results of `unbound`."""

    def __reduce__(self) -> str:
        return self.__qualname__


class _UnboundUntilEnd(_Unbound):
    """The type for an `at_end`."""

    _at_end: Any
    # This module loses its names too.
    _is_finalizing = staticmethod(is_finalizing)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return (self._at_end if self._is_finalizing() else self.__func__)(*args, **kwargs)


def unbound(function: Any, at_end: Any = None) -> Any:
    """Return a callable that forwards calls to `function` and is not bound when stored on a class. Pickled by name.

    at_end: called instead of the function while the interpreter is being finalized, if given. Finalizers may call a
    Python function after its module has lost its names; a builtin function works until the end.
    """
    if at_end is None:
        return _Unbound(function)
    made = _UnboundUntilEnd(function)
    made._at_end = at_end
    return made
