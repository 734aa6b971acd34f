"""Other runtimes that patch the same modules: one process can have one."""

import functools
import sys
from types import FrameType, FunctionType, ModuleType
from typing import NoReturn

from greenrt.monkey.import_hooks import when_imported

from greenrt._typing import Any

__all__ = ["guard_against_rivals", "refuse_call", "refuse_rivals"]

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

    Once per process.
    """
    for name in PATCHING:
        when_imported(name, functools.partial(_guard, name))


def _guard(name: str, module: ModuleType) -> None:
    package = sys.modules.get(name.partition(".")[0])
    for attribute, function in list(vars(module).items()):
        if not attribute.startswith(PATCHING[name]) or not callable(function):
            continue
        if isinstance(function, FunctionType):
            # The function itself, since other modules may have imported it before.
            _refuse_calls(function)
            continue
        refusal = functools.partial(refuse_call, f"{name}.{attribute}")
        setattr(module, attribute, refusal)
        if getattr(package, attribute, None) is function:
            setattr(package, attribute, refusal)


def _refuse_calls(function: FunctionType) -> None:
    """Replace the body of `function`. Arguments that it does not know are refused with the others."""
    code = _body.__code__.replace(
        co_name=function.__name__,
        co_filename=function.__code__.co_filename,
        co_firstlineno=function.__code__.co_firstlineno,
        # As many as the function has cells: CPython wants that.
        co_freevars=function.__code__.co_freevars,
    )
    function.__code__ = code


def _body(*args: Any, **kwargs: Any) -> None:
    # It runs with the globals of the rival's module.
    import sys

    from greenrt.monkey.conflicts import refuse_call

    frame = sys._getframe()
    refuse_call(f"{frame.f_globals['__name__']}.{frame.f_code.co_name}")


def refuse_call(function: str, *args: object, **kwargs: object) -> NoReturn:
    """Raise the RuntimeError of a patching function of a rival, which names the code that wants to patch."""
    rival = function.partition(".")[0]
    frame: FrameType | None = sys._getframe(1)
    caller = frame
    # A rival's functions call each other.
    while frame is not None and _package_of(frame) in (rival, __name__.partition(".")[0]):
        frame = frame.f_back
    caller = frame or caller
    assert caller is not None
    raise RuntimeError(
        f"greenrt has patched this process, and {caller.f_globals.get('__name__', '?')} "
        f"({caller.f_code.co_filename}:{caller.f_lineno}) calls {function}, which would patch "
        f"it again for {rival}: do not import that module, or drop greenrt's patching"
    )


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "?")).partition(".")[0]
