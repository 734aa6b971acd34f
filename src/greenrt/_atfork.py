"""Hooks that run around os.fork.

This module fixes their order: by phase, then by registration within a phase. os.fork and os.forkpty call the hooks
(`os.register_at_fork`); posix_spawn, vfork and subprocess do not. In the child only the forking thread exists. If a
hook raises, the other hooks still run: CPython prints the last error, with the earlier ones as its context, and the
fork continues.
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

# Phases in the parent. WAITS: waits, during which other greenlets may run. BEFORE: the last steps before the fork.
# PARENT: the steps after it.
WAITS = "waits"
BEFORE = "before"
PARENT = "parent"

# Phases in the child, in this order. PRIMITIVES: the fields on which every critical section relies. LOCKS: the locks
# of modules, which another thread may have held. LOOPS: the loops. RUNTIME: the layers above the loops. YIELDING:
# yielding to other greenlets, which a `BEFORE` hook disabled. WATCHERS: the program's fork watchers, which may use
# all of greenrt.
PRIMITIVES = "primitives"
LOCKS = "locks"
LOOPS = "loops"
RUNTIME = "runtime"
YIELDING = "yielding"
WATCHERS = "watchers"

_CHILD = (PRIMITIVES, LOCKS, LOOPS, RUNTIME, YIELDING, WATCHERS)
_hooks: dict[str, list[Callable[[], object]]] = {phase: [] for phase in (WAITS, BEFORE, PARENT, *_CHILD)}


def register(phase: str, hook: Callable[[], object]) -> None:
    """Make each fork call `hook` in `phase`, in the forking thread. A hook can't be unregistered."""
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
