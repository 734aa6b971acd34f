"""The originals of patched names, as gevent shows them."""

from collections.abc import Iterator, Mapping
from types import ModuleType

from greenrt._typing import Any
from greenrt.monkey import state

__all__ = ["save", "saved"]


class _Names(Mapping[str, Any]):
    """The originals of one module by name."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getitem__(self, name: str) -> Any:
        if not state.is_object_patched(self._module, name):
            raise KeyError(name)
        return state.get_original(self._module, name)

    def __iter__(self) -> Iterator[str]:
        return iter(state.patched_names(self._module))

    def __len__(self) -> int:
        return len(state.patched_names(self._module))

    def copy(self) -> dict[str, Any]:
        """Return the originals as a dict."""
        return dict(self)

    def __repr__(self) -> str:
        return repr(dict(self))


class _Modules(Mapping[str, _Names]):
    """The originals by module and name."""

    def __getitem__(self, module: str) -> _Names:
        if not state.is_module_patched(module):
            raise KeyError(module)
        return _Names(module)

    def __iter__(self) -> Iterator[str]:
        return iter(state.patched_modules())

    def __len__(self) -> int:
        return len(state.patched_modules())

    def copy(self) -> dict[str, _Names]:
        """Return the modules as a dict."""
        return dict(self)

    def __repr__(self) -> str:
        return repr(dict(self))


saved: Mapping[str, Mapping[str, Any]] = _Modules()


def save(module: ModuleType, name: str) -> None:
    """Keep the object that `module` has under `name` for `get_original`, unless one is kept already."""
    if hasattr(module, name):
        state.save(module, name)
