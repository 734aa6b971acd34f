"""Callables that are not bound when stored on a class, as builtin functions are not (plain twin)."""

__all__ = ["unbound"]


class unbound(staticmethod):  # type: ignore[type-arg]
    """A callable that forwards calls to a function and is not bound when stored on a class. Pickled by name."""

    def __reduce__(self) -> str:
        return self.__qualname__
