"""The public interface: the modules from which programs import, and what they export."""

import importlib
import pkgutil
from types import ModuleType

import greenrt.green

__all__ = ["MODULES", "exported"]

# Other modules are parts of these packages: their names may move.
MODULES = [
    "greenrt",
    "greenrt.compat",
    "greenrt.dns",
    "greenrt.errors",
    "greenrt.happy_eyeballs",
    "greenrt.inspect",
    "greenrt.monkey",
    "greenrt.serve",
    "greenrt.sync",
    *(
        f"greenrt.green.{info.name}"
        for info in pkgutil.iter_modules(greenrt.green.__path__)
        if info.name[0] != "_"
    ),
]


def exported() -> dict[str, object]:
    """Return the objects that the public modules export, by their full names."""
    found = {}
    for module_name in MODULES:
        module: ModuleType = importlib.import_module(module_name)
        found.update({f"{module_name}.{name}": getattr(module, name) for name in module.__all__})
    return found
