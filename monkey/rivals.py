"""Other runtimes that patch the same modules: one process can have one."""

import functools
import sys
from types import ModuleType
from typing import NoReturn

from greenrt.monkey.imports import when_imported

from greenrt._typing import Any

__all__ = ["guard_against_rivals", "refuse_rivals"]

# Functions with these beginnings patch.
PATCHING = {"gevent.monkey": "patch_", "eventlet.patcher": "monkey_patch"}


def refuse_rivals() -> None:
    """RuntimeError if gevent or eventlet has patched: what greenrt would build on, and put back, is theirs then."""
    gevent: Any = sys.modules.get("gevent.monkey")
    eventlet: Any = sys.modules.get("eventlet.patcher")
    for name, patched in (
        ("gevent", getattr(gevent, "saved", None)),
        ("eventlet", getattr(eventlet, "already_patched", None)),
    ):
        if patched:
            # gevent keeps its settings there too, under a name of its own.
            modules = sorted(str(module) for module in patched if not str(module).startswith("_gevent"))
            raise RuntimeError(
                f"{name} has patched {', '.join(modules)} in this process, and two can't: "
                f"drop {name}'s patching, or greenrt's"
            )


@functools.cache
def guard_against_rivals() -> None:
    """Make gevent's and eventlet's patching functions raise RuntimeError from now on: greenrt has patched.

    Once per process. Copies of a function that other modules imported before are replaced in its package only.
    """
    for name in PATCHING:
        when_imported(name, functools.partial(_guard, name))


def _guard(name: str, module: ModuleType) -> None:
    package = sys.modules.get(name.partition(".")[0])
    for attribute, function in list(vars(module).items()):
        if attribute.startswith(PATCHING[name]) and callable(function):
            refusal = _refusal(name, function)
            setattr(module, attribute, refusal)
            if getattr(package, attribute, None) is function:
                setattr(package, attribute, refusal)


def _refusal(module: str, function: Any) -> Any:
    rival = module.partition(".")[0]

    @functools.wraps(function)
    def refuse(*args: object, **kwargs: object) -> NoReturn:
        caller = sys._getframe(1)
        raise RuntimeError(
            f"greenrt has patched this process, and {caller.f_globals.get('__name__', '?')} "
            f"({caller.f_code.co_filename}:{caller.f_lineno}) calls {module}.{function.__name__}, which would patch "
            f"it again for {rival}: do not import that module, or drop greenrt's patching"
        )

    return refuse
