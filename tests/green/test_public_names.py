"""The public names of the twins: those of the standard modules, without the modules that these import."""

import importlib
import pkgutil
from types import ModuleType
from typing import Any

import pytest

from greenrt import green
from greenrt.green._twin import public_names

TWINS = sorted(
    module.name for module in pkgutil.iter_modules(green.__path__) if not module.name.startswith("_")
)


def standard(twin: str) -> Any:
    """Return the standard module with the functions of `twin`."""
    return importlib.import_module("_thread" if twin == "thread" else twin)


@pytest.mark.parametrize("twin", TWINS)
def test_a_twin_exports_the_names_of_its_module(twin: str) -> None:
    module = importlib.import_module(f"greenrt.green.{twin}")
    names = module.__all__
    documented = getattr(standard(twin), "__all__", None)
    assert len(set(names)) == len(names)
    assert all(hasattr(module, name) for name in names)
    if documented is not None:
        assert sorted(names) == sorted(documented)
    else:
        assert {name for name in getattr(module, "FUNCTIONS", ()) if not name.startswith("_")} <= set(names)
        assert not [name for name in names if isinstance(getattr(module, name), ModuleType)]
        assert not [name for name in names if name.startswith("_")]


@pytest.mark.parametrize("twin", TWINS)
def test_a_twin_lacks_no_name_that_its_module_defines(twin: str) -> None:
    """A name is left out only if it is another module, or if another module defines it."""
    module, original = importlib.import_module(f"greenrt.green.{twin}"), standard(twin)
    if hasattr(original, "__all__"):
        return
    for name in set(dir(original)) - set(module.__all__):
        value = getattr(original, name)
        home = getattr(value, "__module__", None)
        assert name.startswith("_") or isinstance(value, ModuleType) or home not in (None, original.__name__)


@pytest.mark.parametrize("name", ["os", "sys", "namedtuple", "create_connection"])
def test_names_that_ssl_imports_are_not_exported(name: str) -> None:
    import greenrt.green.ssl as green_ssl

    assert name not in green_ssl.__all__
    assert hasattr(green_ssl, name)


def test_a_module_with_an_imported_name() -> None:
    """Check the rule itself with a module made for the test."""
    made: Any = ModuleType("made")
    made.importlib, made.answer, made.error, made._hidden = importlib, 42, OSError, 1
    made.own = type("own", (), {"__module__": "made"})
    made.from_c = type("from_c", (), {"__module__": "_made"})
    made.elsewhere = type("elsewhere", (), {"__module__": "other"})
    assert sorted(public_names(made)) == ["answer", "error", "from_c", "own"]
    made.__all__ = ["importlib"]
    assert public_names(made) == ["importlib"]
