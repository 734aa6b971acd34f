"""Modules with the names of a standard module: greenrt's twin before patching, the standard objects after it."""

from collections.abc import Iterable
from types import ModuleType

from greenrt._typing import Any
from greenrt.monkey.state import is_object_patched
from greenrt.monkey.subscribers import subscribe

__all__ = ["mirror"]


def mirror(
    namespace: dict[str, Any],
    standard: ModuleType,
    twin: ModuleType,
    parts: Iterable[str],
    optional: Iterable[str] = (),
) -> list[str]:
    """Bind the names of `twin` in `namespace`, and rebind them to the objects of `standard` after patching.

    parts: the names by which patching announces the changes of `standard`.
    optional: the names that patching may leave alone. Such a name is rebound only after it was replaced.

    Return the sorted public names that were bound.
    """
    names = [name for name in dir(standard) if not name.startswith("__")]
    bound = [name for name in names if not isinstance(getattr(twin, name, standard), ModuleType)]
    namespace.update({name: getattr(twin, name) for name in bound})
    guarded = frozenset(optional)

    def follow(part: str) -> None:
        for name in bound:
            if name not in guarded or is_object_patched(standard.__name__, name):
                namespace[name] = getattr(standard, name)

    for part in parts:
        subscribe("did_patch", follow, part)
    return [name for name in bound if not name.startswith("_")]
