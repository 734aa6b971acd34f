"""Refuse other runtimes that patch the same modules: a process can have only one."""

import functools
import sys
from types import FrameType, FunctionType, ModuleType
from typing import NoReturn

from greenrt.monkey.attributes import is_a, text_of_key
from greenrt.monkey.import_hooks import when_imported

from greenrt import _alias
from greenrt._bare import module_namespace, names_of_module
from greenrt._typing import Any

__all__ = ["guard_against_rivals", "refuse_call", "refuse_rivals"]

# The prefixes of the functions that patch.
PATCHING = {"gevent.monkey": "patch_", "eventlet.patcher": "monkey_patch"}


def refuse_rivals() -> None:
    """Raise RuntimeError if gevent or eventlet has patched.

    greenrt would otherwise build on their replacements, and restore them. Packages that greenrt serves under their
    names (`greenrt.compat`) are no rivals.
    """
    for name, patched in (
        ("gevent", names_of_module("gevent.monkey").get("saved")),
        ("eventlet", names_of_module("eventlet.patcher").get("already_patched")),
    ):
        # A stand-in for the package, as tests and builds of documentation have it, may have anything there.
        if type(patched) is dict and patched and name not in _alias.installed():
            # gevent keeps its settings there too, under a name of its own.
            modules = sorted(key for key in map(text_of_key, patched) if not key.startswith("_gevent"))
            raise RuntimeError(
                f"{name} has patched {', '.join(modules)} in this process, and only one runtime can patch: "
                f"remove {name}'s patching, or greenrt's"
            )


@functools.cache
def guard_against_rivals() -> None:
    """Make the patching functions of gevent and eventlet raise RuntimeError from now on, once per process."""
    for name in PATCHING:
        when_imported(name, functools.partial(_guard, name))


def _guard(name: str, module: ModuleType) -> None:
    rival = name.partition(".")[0]
    if rival in _alias.installed() or not is_a(module, ModuleType):
        return
    names, exported = module_namespace(module), names_of_module(rival)
    for attribute, function in list(names.items()):
        if type(attribute) is not str or not attribute.startswith(PATCHING[name]) or not callable(function):
            continue
        if is_a(function, FunctionType):
            # The function object itself must change, since other modules may have imported it.
            _refuse_calls(function)
            continue
        refusal = functools.partial(refuse_call, f"{name}.{attribute}")
        names[attribute] = refusal
        if exported.get(attribute) is function:
            exported[attribute] = refusal


def _refuse_calls(function: FunctionType) -> None:
    """Replace the body of `function`. The new body accepts any arguments."""
    code = _body.__code__.replace(
        co_name=function.__name__,
        co_filename=function.__code__.co_filename,
        co_firstlineno=function.__code__.co_firstlineno,
        # CPython requires as many free variables as the function has cells.
        co_freevars=function.__code__.co_freevars,
    )
    function.__code__ = code


def _body(*args: Any, **kwargs: Any) -> None:
    # This function runs with the globals of the rival's module.
    import sys

    from greenrt.monkey.conflicts import refuse_call

    frame = sys._getframe()
    refuse_call(f"{frame.f_globals['__name__']}.{frame.f_code.co_name}")


def refuse_call(function: str, *args: object, **kwargs: object) -> NoReturn:
    """Raise RuntimeError for a call of a rival's patching function; the message names the calling code."""
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
        f"it again for {rival}: do not import that module, or remove greenrt's patching"
    )


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "?")).partition(".")[0]
