"""What a fork does to loops: the child keeps those of the forking thread, which is the only one it has."""

import os
from weakref import ref

from greenrt._native.thread import ident
from greenrt._typing import Any

__all__ = ["register"]

_loops: "dict[int, ref[Any]]" = {}


def register(loop: Any) -> None:
    """Note a new loop."""
    key = id(loop)
    _loops[key] = ref(loop, lambda _: _loops.pop(key, None))


def _abandon_those_of_other_threads() -> None:
    me = ident()
    for reference in list(_loops.values()):
        loop = reference()
        if loop is not None and loop.owner != me:
            loop.abandon()


os.register_at_fork(after_in_child=_abandon_those_of_other_threads)
