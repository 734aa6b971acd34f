"""local: data of which each greenlet has its own."""

from typing import Any
from weakref import ref

from greenlet import greenlet

from greenrt._hub.park import shadow
from greenrt._native.attributes import Attributes
from greenrt._native.switch import as_fiber, current

__all__ = ["all_local_dicts_for_greenlet", "local"]

# How many greenlets are noted before those that have ended are forgotten for the first time.
FEW = 16


class Key:
    """Under which the data of one `local` is kept in each greenlet."""

    __slots__ = ("identity",)

    def __init__(self, identity: tuple[type, int]) -> None:
        self.identity = identity


class Token:
    """Lives as long as its `local`, and drops that one's data in all greenlets when it ends."""

    __slots__ = ("holders", "key", "many")

    def __init__(self, key: Key) -> None:
        self.key = key
        # The greenlets that have data; weak, since data ends with its greenlet.
        self.holders: list[ref[greenlet]] = []
        self.many = FEW

    def add(self, holder: greenlet) -> None:
        """Note that `holder` has data."""
        if len(self.holders) >= self.many:
            self._forget_the_ended()
        self.holders.append(ref(holder))

    def _forget_the_ended(self) -> None:
        # What another thread adds meanwhile goes into the new list.
        old = self.holders
        new = self.holders = []
        new += [reference for reference in old if self.key in _data_of(reference())]
        self.many = max(FEW, 2 * len(new))

    def __del__(self) -> None:
        for reference in self.holders:
            _data_of(reference()).pop(self.key, None)


def _data_of(holder: Any) -> dict[Any, Any]:
    """Return the data of all locals in a greenlet, by their keys."""
    if holder is None:
        return {}
    fiber = as_fiber(holder)
    everything = fiber.locals if fiber is not None else shadow(holder).locals
    return {} if everything is None else everything


class local(Attributes):
    """An object whose attributes are each greenlet's own. threading.local's interface, and gevent's.

    A subclass's ``__init__`` runs again, with the same arguments, in each greenlet that uses the object; what its
    ``__slots__`` name is shared. A greenlet's data ends with the greenlet or with the object. A native thread has
    data of its own too: that of its main greenlet.
    """

    __slots__ = ("_local_args", "_local_key", "_local_kwargs", "_local_token")

    def __cinit__(self, *args: Any, **kwargs: Any) -> None:
        kind = type(self)
        if (args or kwargs) and kind.__init__ is object.__init__:
            raise TypeError(f"{kind.__name__}() takes no arguments: it defines no __init__ that would")
        self._local_args = args
        self._local_kwargs = kwargs
        self._local_key = Key((kind, id(self)))
        self._local_token = Token(self._local_key)
        # In this greenlet, the class calls __init__.
        self._local_add()

    def _local_namespace(self) -> dict[str, Any]:
        running = current()
        fiber = as_fiber(running)
        everything = fiber.locals if fiber is not None else shadow(running).locals
        if everything is not None:
            namespace = everything.get(self._local_key)
            if namespace is not None:
                return namespace  # type: ignore[no-any-return]
        return self._local_begin()

    def _local_add(self) -> dict[str, Any]:
        """Make the namespace of the calling greenlet."""
        running = current()
        fiber = as_fiber(running)
        state: Any = fiber if fiber is not None else shadow(running)
        if state.locals is None:
            state.locals = {}
        namespace: dict[str, Any] = {}
        state.locals[self._local_key] = namespace
        token = self._local_token
        token.add(running)
        return namespace

    def _local_begin(self) -> dict[str, Any]:
        """Make the namespace of the calling greenlet, and have the class fill it."""
        namespace = self._local_add()
        kind = type(self)
        if kind.__init__ is not object.__init__:
            try:
                kind.__init__(self, *self._local_args, **self._local_kwargs)
            except BaseException:
                # Tried again at the next use.
                _data_of(current()).pop(self._local_key, None)
                raise
        return namespace

    def __copy__(self) -> Any:
        """Return another object of the same class and arguments, with a copy of the calling greenlet's data."""
        made = type(self)(*self._local_args, **self._local_kwargs)
        namespace = made.__dict__
        namespace.clear()
        namespace.update(self.__dict__)
        return made


def all_local_dicts_for_greenlet(target: greenlet) -> list[tuple[tuple[type, int], dict[str, Any]]]:
    """Return ((class, id), attributes) for each local that `target` has data of: for debugging. gevent's."""
    return [(key.identity, namespace) for key, namespace in list(_data_of(target).items())]
