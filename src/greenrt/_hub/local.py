"""local: data of which each greenlet has its own."""

from weakref import ref

from greenlet import greenlet

from greenrt._hub.park import shadow
from greenrt._native.attributes import Attributes
from greenrt._native.switch import as_fiber, current_or_last
from greenrt._typing import Any

__all__ = ["all_local_dicts_for_greenlet", "local"]

# How many locals a greenlet notes before it forgets those that are gone for the first time.
FEW = 16


class Holder:
    """A greenlet's side of all its locals: the key of its data in each, which is removed when the greenlet ends.

    The data itself is with the `local`: in the greenlet it would live as long as that one does if it refers to the
    object that has the `local`.
    """

    __slots__ = ("homes", "key", "many")

    def __init__(self) -> None:
        # Something that doesn't refer to the greenlet, and is never taken for another.
        self.key = object()
        self.homes: list[ref[local]] = []
        self.many = FEW

    def add(self, home: "local") -> None:
        """Note that `home` has data of this greenlet."""
        if len(self.homes) >= self.many:
            self._forget_the_gone()
        self.homes.append(ref(home))

    def _forget_the_gone(self) -> None:
        # What a finalizer adds meanwhile goes into the new list.
        old = self.homes
        new = self.homes = []
        new += [reference for reference in old if reference() is not None]
        self.many = max(FEW, 2 * len(new))

    def __del__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        """Remove the greenlet's data from all locals."""
        for reference in self.homes:
            home = reference()
            if home is not None:
                home._local_dicts.pop(self.key, None)


def _holder_of(target: greenlet) -> Holder | None:
    fiber = as_fiber(target)
    holder: Holder | None = fiber._locals if fiber is not None else shadow(target)._locals
    return holder


class local(Attributes):
    """An object whose attributes are each greenlet's own. threading.local's interface, and gevent's.

    A subclass's ``__init__`` runs again, with the same arguments, in each greenlet that uses the object; what its
    ``__slots__`` name is shared. A greenlet's data ends with the greenlet or with the object. A native thread has
    data of its own too: that of its main greenlet.
    """

    __slots__ = ("_local_args", "_local_dicts", "_local_kwargs")

    def __cinit__(self, *args: Any, **kwargs: Any) -> None:
        kind = type(self)
        if (args or kwargs) and kind.__init__ is object.__init__:
            raise TypeError(f"{kind.__name__}() takes no arguments: it defines no __init__ that would")
        self._local_args = args
        self._local_kwargs = kwargs
        # By the keys of the greenlets' holders.
        self._local_dicts: dict[object, dict[str, Any]] = {}
        # In this greenlet, the class calls __init__.
        self._local_add()

    def _local_namespace(self) -> dict[str, Any]:
        running = current_or_last()
        fiber = as_fiber(running)
        holder = fiber._locals if fiber is not None else shadow(running)._locals
        if holder is not None:
            namespace = self._local_dicts.get(holder.key)
            if namespace is not None:
                return namespace
        return self._local_begin()

    def _local_add(self) -> dict[str, Any]:
        """Make the namespace of the calling greenlet."""
        running = current_or_last()
        fiber = as_fiber(running)
        state: Any = fiber if fiber is not None else shadow(running)
        holder = state._locals
        if holder is None:
            holder = state._locals = Holder()
        namespace: dict[str, Any] = {}
        self._local_dicts[holder.key] = namespace
        holder.add(self)
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
                holder = _holder_of(current_or_last())
                if holder is not None:
                    self._local_dicts.pop(holder.key, None)
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
    holder = _holder_of(target)
    found = {}
    for reference in list(holder.homes) if holder is not None else ():
        home = reference()
        if home is not None and holder is not None:
            namespace = home._local_dicts.get(holder.key)
            if namespace is not None:
                found[type(home), id(home)] = namespace
    return list(found.items())
