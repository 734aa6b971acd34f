"""eventlet.green.builtin: the standard module `builtins`, whose `open` is cooperative."""

import builtins

from greenrt._typing import Any
from greenrt.green import _open

__all__ = [name for name in dir(builtins) if not name.startswith("_")]
__patched__: list[str] = ["open"]

open: Any = _open.FUNCTIONS["open"]


def __getattr__(name: str) -> Any:
    return getattr(builtins, name)
