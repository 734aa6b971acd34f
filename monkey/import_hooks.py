"""Call functions when modules are imported."""

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

from greenrt._typing import Any

__all__ = ["when_imported"]


def when_imported(name: str, act: Callable[[ModuleType], object], lasting: bool = False) -> None:
    """Call `act(module)` after the module `name` has been executed, at once if it is loaded already.

    `name` is dotted for a submodule. With `lasting`, call `act` again for each new copy of the module. An exception
    of `act` propagates to the import.
    """
    module = sys.modules.get(name)
    if lasting or module is None:
        sys.meta_path.insert(0, _Finder(name, act, lasting))
    if module is not None:
        act(module)


class _Finder:
    """Find one module with the later finders, and make its loader call `act`."""

    def __init__(self, name: str, act: Callable[[ModuleType], object], lasting: bool) -> None:
        self.name = name
        self.act = act
        self.lasting = lasting
        self.searching = False

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self.name or self.searching:
            return None
        self.searching = True
        try:
            spec = find_spec(name)
        finally:
            self.searching = False
        # The loader of a file is made for one module, so this one can be changed. The loaders of built-in and frozen
        # modules are classes, which stay unchanged.
        if spec is not None and spec.loader is not None and not isinstance(spec.loader, type):
            self.wrap(spec.loader)
        return spec

    def wrap(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            # Restore the method for code that asks the module for its loader.
            del loader.exec_module
            execute(module)
            if self in sys.meta_path:
                if not self.lasting:
                    sys.meta_path.remove(self)
                self.act(module)

        loader.exec_module = exec_module
