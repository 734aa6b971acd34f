"""Find and replace references to objects: in modules, classes, instances, containers and closures.

All objects of the program are looked at, without running its code (`attributes`): comparisons are those of
identities, also between types, since a metaclass may have an `__eq__`.
"""

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from types import BuiltinFunctionType, CellType, FunctionType, ModuleType

from greenrt.monkey.attributes import (
    is_a,
    set_on_class,
    slots_of,
    text_of_key,
    type_name,
)

from greenrt._bare import instance_namespace, module_namespace, module_of
from greenrt._typing import Any

__all__ = ["objects_of", "places", "substitute"]

# A place: the object in it, a description, and a function that puts another object there, or None if that is
# impossible.
Place = tuple[Any, str, Callable[[Any], object] | None]
Known = dict[int, Any]

# Packages whose objects stay unchanged: they rely on the objects that they made.
LEFT_ALONE = frozenset(("_frozen_importlib", "_frozen_importlib_external", "greenrt", "importlib", "pycares"))
# Modules for which the same is true, but not for the objects that they make for others.
LEFT_ALONE_MODULES = frozenset(("_thread", "threading"))


def objects_of(*kinds: type) -> list[Any]:
    """Return all objects of exactly these types, which are heap types, that the garbage collector knows."""
    # They refer to their type. This search, in C, costs a tenth of a look at each object.
    wanted = set(map(id, kinds))
    return [thing for thing in gc.get_referrers(*kinds) if id(type(thing)) in wanted]


def substitute(olds: list[Any], make: Callable[[Any], Any]) -> list[str]:
    """Replace each of `olds` by ``make(old)``; return descriptions of the places where that is impossible.

    Methods bound to an old object become those of the new one. References in the local variables of running functions
    and in C code can't be reached.
    """
    news = {id(old): make(old) for old in olds}
    missed = []
    for old, where, put in places(olds):
        if type(old) is BuiltinFunctionType:
            new = getattr(news[id(old.__self__)], old.__name__, None)
        else:
            new = news[id(old)]
        if put is None or new is None:
            missed.append(where)
            continue
        try:
            put(new)
        except Exception:
            # The class is immutable, or the `__hash__` or `__eq__` of a dict's key raised this.
            missed.append(where)
    return missed


def places(things: list[Any], apart: Iterable[Any] = ()) -> list[Place]:
    """Return the places that hold any of `things` or a method bound to one, except this list and `apart`."""
    if not things:
        return []
    known: Known = {id(thing): thing for thing in things}
    holders = _holders(things)
    methods = [holder for holder in holders if type(holder) is BuiltinFunctionType]
    if methods:
        known.update((id(method), method) for method in methods)
        others = {id(holder): holder for holder in holders if type(holder) is not BuiltinFunctionType}
        others.update((id(holder), holder) for holder in _holders(methods))
        holders = list(others.values())
    mine = (things, known, methods, *apart)
    holders = [holder for holder in holders if not any(holder is one for one in mine)]
    owners = _owners([holder for holder in holders if type(holder) is dict])
    functions = _functions_by_defaults([holder for holder in holders if type(holder) is tuple])
    found: list[Place] = []
    for holder in holders:
        owner = owners.get(id(holder), holder)
        # The interpreter keeps a copy of the names of C modules.
        if owner is holder and type(holder) is dict and "__name__" in holder and "__doc__" in holder:
            continue
        users = functions.get(id(holder), [])
        if not all(map(_is_left_alone, users or [owner])):
            found += _places_in(holder, owner, known, users)
    return found


def _holders(things: list[Any]) -> list[Any]:
    # From CPython 3.13 on, the call's own arguments are among the referrers; the mark identifies them. A
    # comprehension would have a closure that refers to the mark.
    mark = object()
    found = []
    for holder in gc.get_referrers(*things, mark):
        arguments = type(holder) is tuple and len(holder) > len(things) and holder[-1] is mark
        if holder is not things and not arguments:
            found.append(holder)
    return found


def _owners(namespaces: list[dict[Any, Any]]) -> dict[int, Any]:
    """Return the owners of the dicts that are a `__dict__`: {id(dict): module, class or instance}."""
    owners: dict[int, Any] = {}
    others = []
    for namespace in namespaces:
        name = namespace.get("__name__")
        module: Any = sys.modules.get(name) if type(name) is str else None
        if is_a(module, ModuleType) and module_namespace(module) is namespace:
            owners[id(namespace)] = module
        else:
            others.append(namespace)
    wanted = {id(namespace) for namespace in others}
    for owner in _holders(others) if others else ():
        if not is_a(owner, FunctionType) and owner is not namespaces:
            owners.update(
                (id(part), owner)
                for part in gc.get_referents(owner)
                if id(part) in wanted and (is_a(owner, type) or instance_namespace(owner) is part)
            )
    return owners


def _is_left_alone(owner: Any) -> bool:
    home: Any
    if is_a(owner, ModuleType):
        home = module_namespace(owner).get("__name__")
        if type(home) is str and home in LEFT_ALONE_MODULES:
            return True
    elif is_a(owner, FunctionType):
        home = owner.__module__
    else:
        home = module_of(owner if is_a(owner, type) else type(owner))
    return type(home) is str and home.split(".")[0] in LEFT_ALONE


def _functions_by_defaults(tuples: list[Any]) -> dict[int, list[FunctionType]]:
    """Return the functions that have each tuple as the defaults of their parameters: {id(tuple): functions}."""
    found: dict[int, list[FunctionType]] = {}
    wanted = {id(defaults) for defaults in tuples}
    for holder in _holders(tuples) if tuples else ():
        if type(holder) is FunctionType and id(holder.__defaults__) in wanted:
            found.setdefault(id(holder.__defaults__), []).append(holder)
    return found


def _places_in(holder: Any, owner: Any, known: Known, users: list[FunctionType]) -> Iterator[Place]:
    """Yield the places in one object; `owner` owns a dict, `users` have a tuple for their defaults."""
    kind = type(holder)
    if kind is dict:
        name = _name(owner)
        for key, value in list(holder.items()):
            if id(value) in known:
                # A class's dict must be changed through the class.
                put = _class_setter(owner, key) if is_a(owner, type) else _item_setter(holder, key)
                yield value, f"{name}.{text_of_key(key)}", put
    elif kind is list:
        for index, value in enumerate(holder):
            if id(value) in known:
                yield value, "in a list", _item_setter(holder, index)
    elif kind is CellType:
        yield holder.cell_contents, "in a closure", _cell_setter(holder)
    else:
        found = list(_defaults(users, known) if kind is tuple else _attributes(holder, known))
        yield from found or [
            (thing, f"in {_name(holder)}", None) for thing in known.values() if _refers(holder, thing)
        ]


def _attributes(holder: Any, known: Known) -> Iterator[Place]:
    """Yield the places in an instance's dict and slots."""
    namespace = instance_namespace(holder) or {}
    for name, value in list(namespace.items()):
        if id(value) in known:
            yield value, f"{_name(holder)}.{text_of_key(name)}", _item_setter(namespace, name)
    for name, slot, value in slots_of(holder):
        if id(value) in known:
            yield value, f"{_name(holder)}.{text_of_key(name)}", _slot_setter(slot, holder)


def _defaults(functions: list[FunctionType], known: Known) -> Iterator[Place]:
    """Yield the places in the defaults of functions' parameters."""
    for function in functions:
        for index, value in enumerate(function.__defaults__ or ()):
            if id(value) in known:
                where = ".".join((text_of_key(function.__module__), function.__qualname__))
                yield value, f"in a default of {where}", _default_setter(function, index)


def _refers(holder: Any, thing: Any) -> bool:
    return any(part is thing for part in gc.get_referents(holder))


def _name(owner: Any) -> str:
    if is_a(owner, ModuleType):
        return text_of_key(module_namespace(owner).get("__name__"))
    return type_name(owner) if is_a(owner, type) else f"<{type_name(type(owner))} object>"


def _item_setter(container: Any, key: Any) -> Callable[[Any], object]:
    return lambda new: container.__setitem__(key, new)


def _class_setter(kind: type, name: Any) -> Callable[[Any], object]:
    return lambda new: set_on_class(kind, name, new)


def _cell_setter(cell: CellType) -> Callable[[Any], object]:
    return lambda new: setattr(cell, "cell_contents", new)


def _slot_setter(slot: Any, holder: Any) -> Callable[[Any], object]:
    return lambda new: slot.__set__(holder, new)


def _default_setter(function: FunctionType, index: int) -> Callable[[Any], object]:
    def put(new: Any) -> None:
        defaults = list(function.__defaults__ or ())
        defaults[index] = new
        function.__defaults__ = tuple(defaults)

    return put
