"""The public names: each exists, has one home, and is exported once."""

import ast
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys

import pytest
from support.build import SOURCE
from support.child import HOME

import greenrt
from greenrt import errors, sync

# Layers whose modules repeat the names of other modules: twins of the standard library, and compatible packages.
TWINS = ("greenrt.green", "greenrt.monkey", "greenrt.compat", "greenrt._original")
# Importing these patches the process; tests/adapters does so in a process of its own.
PATCHING = ("greenrt.adapters.celery",)
# They wrap packages that need not be there, and modules that some CPython deprecates or has removed.
WRAPPERS = tuple(
    f"greenrt.compat.eventlet.green.{name}" for name in ("MySQLdb", "asynchat", "asyncore", "profile", "zmq")
)
MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages(greenrt.__path__, "greenrt.")
    if not info.name.endswith("__main__") and info.name not in PATCHING + WRAPPERS
)


def facade_imports() -> dict[str, tuple[str, str]]:
    """Return {name in the facade: (module, name there)}."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(ast.parse((SOURCE / "__init__.py").read_text())):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = alias.asname or alias.name
                assert name not in found, f"{name} is imported twice by the facade"
                found[name] = (node.module or "", alias.name)
    return found


def declared(module: str) -> list[str]:
    """Return the ``__all__`` of a module from its source: a module compiled from .pyx has none, but its twin has."""
    path = SOURCE.joinpath(*module.split(".")[1:])
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(node.value))
    return []


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_exports_exists(name: str) -> None:
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert len(set(exported)) == len(exported)
    assert [item for item in exported if not hasattr(module, item)] == []


def test_what_the_facade_exports_exists() -> None:
    assert sorted(greenrt.__all__) == sorted(set(greenrt.__all__))
    assert [name for name in greenrt.__all__ if not hasattr(greenrt, name)] == []


def test_the_facade_exports_what_it_imports() -> None:
    public = {name for name in facade_imports() if not name.startswith("_")}
    assert public - set(greenrt.__all__) == set()


@pytest.mark.parametrize("name", greenrt.__all__)
def test_a_name_comes_from_its_home(name: str) -> None:
    imports = facade_imports()
    if name not in imports:
        # Names that the facade itself defines: shorthands such as spawn.
        assert f"\n{name} = " in (SOURCE / "__init__.py").read_text()
        return
    module, original = imports[name]
    assert original in declared(module)
    assert getattr(importlib.import_module(module), original) is getattr(greenrt, name)


def test_a_package_exports_what_its_modules_offer_to_users() -> None:
    offered = {
        name for path in (SOURCE / "sync").glob("*.py") for name in declared(f"greenrt.sync.{path.stem}")
    }
    # Other names are helpers, or bases of the public classes.
    classes = {name for name in offered if name[0].isupper()} - {"Mapping", "Mutex", "Permits"}
    assert classes == set(sync.__all__)
    assert [name for name in sync.__all__ if not hasattr(sync, name)] == []


def test_each_exception_of_the_runtime_is_exported_by_errors() -> None:
    exceptions = {
        name
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, BaseException)
    }
    assert exceptions - set(errors.__all__) == set()


def test_the_names_that_gevent_users_look_for_are_where_they_look() -> None:
    assert greenrt.READ | greenrt.WRITE == 3
    assert greenrt.LoopExit is errors.LoopExit
    assert issubclass(sync.PoolFull, sync.Full)
    assert sync.JoinableQueue is greenrt.Queue


def test_a_thing_has_one_home() -> None:
    homes: dict[int, set[str]] = {}
    names: dict[int, str] = {}
    for module_name in MODULES:
        if module_name.startswith(TWINS):
            continue
        module = importlib.import_module(module_name)
        if hasattr(module, "__path__"):
            # A package is a facade of its modules, as greenrt is the facade of the runtime.
            continue
        for name in getattr(module, "__all__", []):
            thing = getattr(module, name)
            ours = (getattr(thing, "__module__", None) or "").startswith("greenrt")
            if ours and (inspect.isclass(thing) or callable(thing)):
                homes.setdefault(id(thing), set()).add(module_name)
                names[id(thing)] = name
    assert {names[key]: sorted(found) for key, found in homes.items() if len(found) > 1} == {}


def test_importing_makes_no_hub_and_no_thread() -> None:
    """The import also loads no module that a program might want to patch first, except those that greenrt needs.

    The standard library's `typing` would take a third of the import time, so annotations use `greenrt._typing`.
    """
    script = (
        "import greenrt, sys, _thread\n"
        "from greenrt._hub import current_hub\n"
        "assert current_hub.get_hub_if_exists() is None\n"
        "assert _thread._count() == 0\n"
        "assert 'monkey' not in sys.modules and 'greenrt.monkey' not in sys.modules\n"
        "assert 'typing' not in sys.modules, 'a module imports typing, not greenrt._typing'\n"
        "assert 'concurrent.futures' not in sys.modules\n"
        "assert 'greenrt.dns.resolvers' not in sys.modules, 'the resolvers are for the first lookup'\n"
        "assert greenrt.get_hub().resolver is greenrt.get_hub().resolver\n"
    )
    # Without -S, a .pth file of the environment may have imported any module.
    environ = {"PYTHONPATH": os.pathsep.join([HOME, *sys.path])}
    subprocess.run([sys.executable, "-S", "-W", "error", "-c", script], env=environ, check=True)
