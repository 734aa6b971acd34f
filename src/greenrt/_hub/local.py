"""local: an object whose attributes are separate for each greenlet."""

from weakref import ref

from greenlet import greenlet

from greenrt._hub.park import shadow, state_of
from greenrt._native.attributes import Attributes
from greenrt._native.switch import as_fiber, current_or_last
from greenrt._signature import ConstructorSignature
from greenrt._typing import Any

__all__ = ["all_local_dicts_for_greenlet", "local"]

# How many locals a greenlet notes before it first drops the references to dead ones.
FEW = 16


class Holder:
    """A greenlet's part of all its locals: the key of its data in each `local`. The data is removed at its end.

    The `local` holds the data itself. If the greenlet held data that refers to the object that owns the `local`, both
    would live as long as the greenlet.
    """

    __slots__ = ("homes", "key", "many")

    def __init__(self) -> None:
        # A unique object that does not refer to the greenlet.
        self.key = object()
        self.homes: list[ref[local]] = []
        self.many = FEW

    def add(self, home: "local") -> None:
        """Note that `home` has data of this greenlet."""
        if len(self.homes) >= self.many:
            self._forget_the_gone()
        self.homes.append(ref(home))

    def _forget_the_gone(self) -> None:
        # A finalizer may add references meanwhile; they go into the new list.
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
    """An object whose attributes are separate for each greenlet. The interface of `threading.local`, and gevent's.

    A subclass may define ``__init__`` and take arguments. Its ``__init__`` runs again, with the same arguments, in
    each greenlet that uses the object. Greenlets share the attributes that its ``__slots__`` name. A greenlet's data
    is removed when the greenlet ends or the object dies. A native thread has data of its own too: the data of its
    main greenlet. Raises TypeError for arguments if the class defines no ``__init__``.
    """

    __slots__ = ("_local_args", "_local_dicts", "_local_kwargs")
    __signature__: ConstructorSignature = ConstructorSignature()

    def __cinit__(self, *args: Any, **kwargs: Any) -> None:
        kind = type(self)
        if (args or kwargs) and kind.__init__ is object.__init__:
            raise TypeError(
                f"Initialization arguments are not supported: {kind.__name__} defines no __init__ that takes them"
            )
        self._local_args = args
        self._local_kwargs = kwargs
        # The keys are the `key` attributes of the greenlets' holders.
        self._local_dicts: dict[object, dict[str, Any]] = {}
        # In this greenlet, the class itself calls __init__ after this method.
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
        state = state_of(running)
        if state._locals is None:
            made = Holder()
            # During the call, a signal handler or a finalizer may have made another one, and stored data by it.
            if state._locals is None:
                state._locals = made
        holder = state._locals
        namespace: dict[str, Any] = {}
        self._local_dicts[holder.key] = namespace
        holder.add(self)
        return namespace

    def _local_begin(self) -> dict[str, Any]:
        """Make the namespace of the calling greenlet, and fill it by the class's ``__init__``."""
        namespace = self._local_add()
        kind = type(self)
        if kind.__init__ is not object.__init__:
            try:
                kind.__init__(self, *self._local_args, **self._local_kwargs)
            except BaseException:
                # The next use tries again.
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
    """Return ((class, id), attributes) for each local in which `target` has data. gevent's; for debugging."""
    holder = _holder_of(target)
    found = {}
    for reference in list(holder.homes) if holder is not None else ():
        home = reference()
        if home is not None and holder is not None:
            namespace = home._local_dicts.get(holder.key)
            if namespace is not None:
                found[type(home), id(home)] = namespace
    return list(found.items())
