"""Which objects a module of `eventlet.green` has: the standard ones once they are patched, greenrt's twins before."""

import importlib
from collections.abc import Callable
from types import ModuleType

from greenrt import monkey
from greenrt._typing import Any

from ..patcher import inject

__all__ = ["copied", "served"]


def served(
    standard: str, twin: str | None = None, part: str | None = None
) -> tuple[list[str], Callable[[str], Any]]:
    """Return `__all__` and `__getattr__` of a module that stands for the module `standard`.

    `twin` is the name of the module with green objects. Patched names are the same objects in both modules. `part` is
    the module whose patches make the standard one green, if it is another one.
    """
    public: ModuleType = importlib.import_module(standard)
    green: ModuleType = importlib.import_module(twin or f"greenrt.green.{standard}")
    names = getattr(public, "__all__", None) or [name for name in dir(public) if not name.startswith("_")]

    def __getattr__(name: str) -> Any:
        if name == "__path__":
            raise AttributeError(name)
        return getattr(public if monkey.is_module_patched(part or standard) else green, name)

    return list(names), __getattr__


def copied(standard: str, namespace: dict[str, Any], *modules: tuple[str, Any]) -> None:
    """Store the names of a standard module in `namespace`: those of a copy whose imports find green `modules`.

    Once the standard library is patched, the module itself is used: its sockets are green then.
    """
    if monkey.is_module_patched("socket"):
        module = importlib.import_module(standard)
        own = ("__builtins__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__")
        namespace.update({name: value for name, value in vars(module).items() if name not in own})
    else:
        inject(standard, namespace, *modules)
