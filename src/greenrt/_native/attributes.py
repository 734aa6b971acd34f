"""An object that keeps its attributes in a dict of another object: the base of greenlet-locals (plain twin)."""

from greenrt._typing import Any, Self

__all__ = ["Attributes"]

_MISSING: Any = object()


def _defined(kind: type, name: str) -> Any:
    """Return the raw class attribute `name` of `kind` or its bases, without the descriptor protocol."""
    for base in kind.__mro__:
        found = base.__dict__.get(name, _MISSING)
        if found is not _MISSING:
            return found
    return _MISSING


class Attributes:
    """An object that looks its attributes up in the dict that `_local_namespace` returns.

    Attributes that the body of a subclass defines are shared. Names that begin with ``_local_`` belong to the object
    itself.
    """

    __slots__ = ("__weakref__",)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        # For compiled classes Cython makes this call.
        cls.__cinit__(self, *args, **kwargs)
        return self

    def __cinit__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def _local_namespace(self) -> dict[str, Any]:
        raise NotImplementedError

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_local_"):
            return object.__getattribute__(self, name)
        namespace = self._local_namespace()
        if name == "__dict__":
            return namespace
        kind = type(self)
        found = _defined(kind, name)
        how = type(found)
        if found is _MISSING:
            if name in namespace:
                return namespace[name]
            raise AttributeError(f"{kind.__name__!r} object has no attribute {name!r}", name=name, obj=self)
        if hasattr(how, "__get__") and (hasattr(how, "__set__") or hasattr(how, "__delete__")):
            return how.__get__(found, self, kind)
        if name in namespace:
            return namespace[name]
        return how.__get__(found, self, kind) if hasattr(how, "__get__") else found

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        if name.startswith("_local_"):
            object.__setattr__(self, name, value)
            return
        namespace = self._local_namespace()
        found = _defined(type(self), name)
        if hasattr(type(found), "__set__"):
            type(found).__set__(found, self, value)
        else:
            namespace[name] = value

    def __delattr__(self, name: str) -> None:
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        namespace = self._local_namespace()
        found = _defined(type(self), name)
        if hasattr(type(found), "__delete__"):
            type(found).__delete__(found, self)
            return
        try:
            del namespace[name]
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            ) from None
