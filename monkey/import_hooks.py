"""What is to be done when a module gets imported."""

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

from greenrt._typing import Any

__all__ = ["when_imported"]


def when_imported(name: str, act: Callable[[ModuleType], object], lasting: bool = False) -> None:
    """Call `act(module)` once the module `name`, dotted for a submodule, has been executed; now, if it has been.

    With `lasting` again each time a new copy of the module has been made. What `act` raises, the import raises.
    """
    module = sys.modules.get(name)
    if lasting or module is None:
        sys.meta_path.insert(0, _Finder(name, act, lasting))
    if module is not None:
        act(module)


class _Finder:
    """Finds one module, as the finders after it do, and has its loader call `act`."""

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
        # The loaders of files are made anew for each module, so this one is ours. (The loaders of built-in and frozen
        # modules are classes: those are left alone.)
        if spec is not None and spec.loader is not None and not isinstance(spec.loader, type):
            self.wrap(spec.loader)
        return spec

    def wrap(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            # Restored, for code that asks the module for its loader.
            del loader.exec_module
            execute(module)
            if self in sys.meta_path:
                if not self.lasting:
                    sys.meta_path.remove(self)
                self.act(module)

        loader.exec_module = exec_module
