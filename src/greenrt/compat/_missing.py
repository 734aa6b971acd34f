"""Names of gevent's and eventlet's that greenrt does not offer: the errors for them."""

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from types import FrameType, MappingProxyType

from greenrt._typing import Any

__all__ = ["missing_names"]

EMPTY: Mapping[str, Any] = MappingProxyType({})


def missing_names(
    module: str,
    reasons: Mapping[str, str] = EMPTY,
    submodules: Collection[str] = (),
    elsewhere: Mapping[str, tuple[str, str]] = EMPTY,
) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module of `greenrt.compat`.

    `module` is its name, `reasons` says for names what to use in their place, or why they are missing. The function
    raises AttributeError, and ImportError for ``from module import name``. When the program asks for them as
    attributes, it imports the `submodules` of a package, and the modules of names that are `elsewhere`: their values
    are a module and a name in it.
    """
    name_there = module.removeprefix("greenrt.compat.")
    package = name_there.partition(".")[0]

    def __getattr__(name: str) -> Any:
        if name in submodules:
            return importlib.import_module(f"{module}.{name}")
        if name in elsewhere:
            place, its_name = elsewhere[name]
            return getattr(importlib.import_module(place), its_name)
        reason = reasons.get(name)
        message = f"greenrt stands in for {package} and has no {name_there}.{name}" + (
            f": {reason}" if reason else ""
        )
        # The import system asks for __path__ of every module.
        if not name.startswith("__") and _is_from_import(sys._getframe(1)):
            raise ImportError(message, name=module)
        raise AttributeError(message, name=name)

    return __getattr__


def _is_from_import(frame: FrameType) -> bool:
    """Return whether `frame` executes ``from module import name``, which would replace an AttributeError."""
    if frame.f_code.co_filename.startswith("<frozen importlib"):
        # The import system asks for submodules that are not imported yet.
        return False
    # Imported here because few programs come here.
    from opcode import opmap

    return frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]
