"""Functions that are no methods where a class has them for attributes, as builtin functions are none (plain twin)."""

__all__ = ["unbound"]


class unbound(staticmethod):  # type: ignore[type-arg]
    """A callable that passes calls on to a function, is not bound by classes, and is pickled by its name."""

    def __reduce__(self) -> str:
        return self.__qualname__
