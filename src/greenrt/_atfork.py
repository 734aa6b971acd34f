"""Hooks that run around os.fork, in an order that is fixed here: by phase, and by registration within a phase.

os.fork and os.forkpty call them (`os.register_at_fork`); posix_spawn, vfork and subprocess do not. In the child only
the forking thread lives on. A hook that raises does not keep the others from running: CPython prints the last error,
with the earlier ones as its context, and the fork goes on.
"""

import os
from collections.abc import Callable, Iterator

__all__ = [
    "BEFORE",
    "LOCKS",
    "LOOPS",
    "PARENT",
    "PRIMITIVES",
    "RUNTIME",
    "WAITS",
    "WATCHERS",
    "YIELDING",
    "register",
]

# In the parent: waits, during which other greenlets may run; what must come last before the fork; what the parent
# does after it.
WAITS = "waits"
BEFORE = "before"
PARENT = "parent"

# In the child, in this order: the fields on which every critical section relies; the locks of modules, which another
# thread may have held; the loops; what stands above the loops; yielding to other greenlets, which `BEFORE` disabled;
# the program's fork watchers, which may use all of greenrt.
PRIMITIVES = "primitives"
LOCKS = "locks"
LOOPS = "loops"
RUNTIME = "runtime"
YIELDING = "yielding"
WATCHERS = "watchers"

_CHILD = (PRIMITIVES, LOCKS, LOOPS, RUNTIME, YIELDING, WATCHERS)
_hooks: dict[str, list[Callable[[], object]]] = {phase: [] for phase in (WAITS, BEFORE, PARENT, *_CHILD)}


def register(phase: str, hook: Callable[[], object]) -> None:
    """Have `hook` called in this phase of each fork, by the forking thread. It can't be taken back."""
    _hooks[phase].append(hook)


def _run(*phases: str) -> None:
    _call_all(hook for phase in phases for hook in _hooks[phase])


def _call_all(hooks: Iterator[Callable[[], object]]) -> None:
    for hook in hooks:
        try:
            hook()
        finally:
            _call_all(hooks)


os.register_at_fork(
    before=lambda: _run(WAITS, BEFORE),
    after_in_parent=lambda: _run(PARENT),
    after_in_child=lambda: _run(*_CHILD),
)
