"""local: data of which each greenlet has its own."""

from typing import Any
from weakref import WeakSet, ref

from greenlet import getcurrent, greenlet

from greenrt._hub.park import shadow
from greenrt._native.switch import Fiber

__all__ = ["all_local_dicts_for_greenlet", "local"]


class _Token:
    """Stands for one `local` among the data of a greenlet; its death drops that local's data everywhere."""

    __slots__ = ("__weakref__", "holders")

    def __init__(self) -> None:
        # The greenlets that have data of this local; weak, so that data ends with its greenlet.
        self.holders: WeakSet[Any] = WeakSet()


def _data_of(holder: greenlet) -> Any:
    state: Any = holder if isinstance(holder, Fiber) else shadow(holder)
    return state.locals


def _drop(token: _Token) -> None:
    for holder in list(token.holders):
        data = _data_of(holder)
        if data is not None:
            data.pop(id(token), None)


class local:
    """An object whose attributes are each greenlet's own. threading.local's interface, and gevent's.

    A subclass's ``__init__`` runs again, with the same arguments, in each greenlet that uses the object; what its
    ``__slots__`` name is shared. A greenlet's data ends with the greenlet or with the object. A native thread has
    its own data, that of its main greenlet.
    """

    __slots__ = ("__weakref__", "_local_args", "_local_token")

    def __new__(cls, *args: Any, **kwargs: Any) -> "local":
        self = object.__new__(cls)
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError(f"{cls.__name__}: initialization arguments are not supported")
        object.__setattr__(self, "_local_token", _Token())
        object.__setattr__(self, "_local_args", (args, kwargs))
        # Here __init__ is called by type.
        _new_dict(self)
        return self

    def __getattribute__(self, name: str) -> Any:
        if name == "__dict__":
            return _dict_of(self)
        data = _dict_of(self)
        kind = type(self)
        found = _class_attribute(kind, name)
        if found is not _MISSING and hasattr(type(found), "__set__"):
            return object.__getattribute__(self, name)
        if name in data:
            return data[name]
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        data = _dict_of(self)
        found = _class_attribute(type(self), name)
        if found is not _MISSING and hasattr(type(found), "__set__"):
            object.__setattr__(self, name, value)
        else:
            data[name] = value

    def __delattr__(self, name: str) -> None:
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        data = _dict_of(self)
        found = _class_attribute(type(self), name)
        if found is not _MISSING and hasattr(type(found), "__delete__"):
            object.__delattr__(self, name)
        elif name in data:
            del data[name]
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __del__(self) -> None:
        _drop(object.__getattribute__(self, "_local_token"))


_MISSING: Any = object()


def _class_attribute(kind: type, name: str) -> Any:
    for base in kind.__mro__:
        found = base.__dict__.get(name, _MISSING)
        if found is not _MISSING:
            return found
    return _MISSING


def _new_dict(thing: local) -> dict[str, Any]:
    token = object.__getattribute__(thing, "_local_token")
    holder = getcurrent()
    state: Any = holder if isinstance(holder, Fiber) else shadow(holder)
    data = state.locals
    if data is None:
        data = state.locals = {}
    # With a weak reference to the local, for `all_local_dicts_for_greenlet`.
    made: dict[str, Any] = {}
    data[id(token)] = (ref(thing), made)
    token.holders.add(holder)
    return made


def _dict_of(thing: local) -> dict[str, Any]:
    holder = getcurrent()
    state: Any = holder if isinstance(holder, Fiber) else shadow(holder)
    data = state.locals
    key = id(object.__getattribute__(thing, "_local_token"))
    if data is not None:
        found = data.get(key)
        if found is not None:
            return found[1]  # type: ignore[no-any-return]
    made = _new_dict(thing)
    kind = type(thing)
    if kind.__init__ is not object.__init__:
        args, kwargs = object.__getattribute__(thing, "_local_args")
        kind.__init__(thing, *args, **kwargs)
    return made


def all_local_dicts_for_greenlet(target: greenlet) -> list[tuple[tuple[type, int], dict[str, Any]]]:
    """Return ((class, id), data) of all locals that `target` has data of: for debugging."""
    data = _data_of(target) or {}
    found = [(reference(), values) for reference, values in list(data.values())]
    return [((type(thing), id(thing)), values) for thing, values in found if thing is not None]
