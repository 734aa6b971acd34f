"""eventlet.patcher: patching of the standard library, and modules that are imported with green ones."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType

from greenrt import _original, monkey
from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from . import hubs

__all__ = ["import_patched", "inject", "is_monkey_patched", "monkey_patch"]

# The names of what was patched, as keys: eventlet's own record, which programs read.
already_patched: dict[str, bool] = {}

# The modules of `eventlet.green` that stand for standard ones, by the argument of `monkey_patch`.
_GREEN: dict[str, dict[str, str]] = {
    "os": {"os": "os"},
    "select": {"select": "select", "selectors": "selectors"},
    "socket": {"socket": "socket", "ssl": "ssl"},
    "subprocess": {"subprocess": "subprocess"},
    "thread": {"_thread": "thread", "threading": "threading", "queue": "Queue"},
    "time": {"time": "time"},
}


def _patch_socket() -> None:
    monkey.patch_socket()
    monkey.patch_ssl()


def _patch_thread() -> None:
    monkey.patch_thread()
    monkey.patch_queue()


def _patch_mysqldb() -> None:
    from .green import MySQLdb

    monkey.patch_module(sys.modules["MySQLdb"], MySQLdb, MySQLdb.__patched__)


_PATCHES: dict[str, Callable[[], None]] = {
    "thread": _patch_thread,
    "time": monkey.patch_time,
    "socket": _patch_socket,
    "select": monkey.patch_select,
    "os": monkey.patch_os,
    "subprocess": monkey.patch_subprocess,
    # greenrt's `open` is part of `os`.
    "builtins": monkey.patch_os,
    "MySQLdb": _patch_mysqldb,
}

# What `monkey_patch` patches only if the program asks for it by name.
_ON_REQUEST = ("builtins", "MySQLdb")


def monkey_patch(**on: bool | None) -> None:
    """Patch parts of the standard library: all, or those whose argument is true, or all but those that are false.

    The parts are os, select, socket (with ssl), subprocess, thread (with threading and queue) and time; psycopg; and,
    only by name, builtins and MySQLdb. `all` is the value of the others. Raises TypeError for another name. A part
    that is patched already stays so. See `greenrt.monkey` for what each part is.
    """
    if "__builtin__" in on:
        if "builtins" in on:
            raise TypeError("monkey_patch() takes builtins or __builtin__, not both")
        on["builtins"] = on.pop("__builtin__")
    default = on.pop("all", None)
    for name in on:
        if name not in _PATCHES and name != "psycopg":
            raise TypeError(f"monkey_patch() got an unexpected keyword argument {name!r}")
    if default is None:
        default = True not in on.values()
    hubs.get_hub()
    for name, patch in _PATCHES.items():
        if on.get(name, default and name not in _ON_REQUEST) and name not in already_patched:
            patch()
            already_patched[name] = True
    # greenrt makes psycopg and psycopg2 wait once `socket` and `select` are patched.
    if on.get("psycopg", default) and find_spec("psycopg2") is not None:
        already_patched["psycopg"] = True


def is_monkey_patched(module: Any) -> bool:
    """Return whether `monkey_patch` has patched `module`: the name of a part, or a module with such a name.

    It knows `greenrt.monkey`'s patches too.
    """
    name = module if isinstance(module, str) else getattr(module, "__name__", None)
    return name in already_patched or (isinstance(name, str) and monkey.is_module_patched(name))


def original(modname: str) -> ModuleType:
    """Return a copy of a standard module that is never patched."""
    if modname in ("threading", "queue"):
        return _original.private_module(modname)
    if not monkey.is_module_patched(modname):
        return importlib.import_module(modname)
    copy = ModuleType(modname, f"The names of {modname}, unpatched.")
    module = importlib.import_module(modname)
    for name in dir(module):
        setattr(copy, name, monkey.get_original(modname, name))
    return copy


def green_modules(*parts: str) -> list[tuple[str, ModuleType]]:
    """Return pairs of the names of standard modules and their green modules; `parts`: those of `monkey_patch`."""
    names = [pair for part in parts or _GREEN for pair in _GREEN[part].items()]
    home = __package__ or ""
    return [(name, importlib.import_module(f"{home}.green.{green}")) for name, green in names]


@contextmanager
def _standing_in(modules: list[tuple[str, Any]], without: str | None = None) -> Iterator[None]:
    """Put `modules` into `sys.modules` for the time of the block; take the module `without` out of it."""
    gone = [name for name in sys.modules if without and (name == without or name.startswith(without + "."))]
    saved = {name: sys.modules.get(name) for name in [*gone, *(name for name, _ in modules)]}
    for name in gone:
        del sys.modules[name]
    sys.modules.update(modules)
    try:
        yield
    finally:
        if without:
            for name in [each for each in sys.modules if each == without or each.startswith(without + ".")]:
                del sys.modules[name]
        for name, module in saved.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def inject(
    module_name: str, new_globals: dict[str, Any] | None, *additional_modules: tuple[str, Any]
) -> ModuleType:
    """Import a second copy of a module, in which imports of `additional_modules` find the given ones; return it.

    `additional_modules` are pairs of a name and a module; without them, the green modules of the standard ones. With
    `new_globals`, the names of the copy are stored there too. A module has one such copy.
    """
    key = f"__patched_module_{module_name}"
    copy = sys.modules.get(key)
    if copy is None:
        chosen = list(additional_modules) or green_modules()
        parent, _, child = module_name.rpartition(".")
        public = getattr(importlib.import_module(parent), child, None) if parent else None
        with _standing_in(chosen, without=module_name):
            copy = importlib.import_module(module_name)
        if public is not None:
            # The import has stored the copy in its package.
            setattr(sys.modules[parent], child, public)
        sys.modules[key] = copy
    if new_globals is not None:
        own = ("__builtins__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__")
        new_globals.update({name: getattr(copy, name) for name in dir(copy) if name not in own})
    return copy


def import_patched(
    module_name: str, *additional_modules: tuple[str, Any], **kw_additional_modules: Any
) -> ModuleType:
    """Return a second copy of a module, whose imports find green modules. The arguments are those of `inject`."""
    return inject(module_name, None, *additional_modules, *kw_additional_modules.items())


def patch_function(func: Callable[..., Any], *additional_modules: tuple[str, Any]) -> Callable[..., Any]:
    """Return a function that calls `func`, whose imports find green modules during the call."""

    def patched(*args: Any, **kw: Any) -> Any:
        with _standing_in(list(additional_modules) or green_modules()):
            return func(*args, **kw)

    return patched


def slurp_properties(source: Any, destination: dict[str, Any], ignore: Any = (), srckeys: Any = None) -> None:
    """Copy attributes of `source` into a dict: those in `srckeys` (default: all), without dunders and `ignore`."""
    names = srckeys if srckeys is not None else vars(source)
    destination.update(
        {name: getattr(source, name) for name in names if not (name.startswith("__") or name in ignore)}
    )


__getattr__: Callable[[str], Any] = missing_names(__name__)
