"""eventlet.green.selectors: the standard module `selectors`, cooperative."""

from collections.abc import Callable

from greenrt._typing import Any

from ._served import served

__all__: list[str]
__getattr__: Callable[[str], Any]
__all__, __getattr__ = served("selectors", part="select")
