"""eventlet.green.time: the standard module `time`, cooperative."""

from collections.abc import Callable

from greenrt._typing import Any

from ._served import served

__all__: list[str]
__getattr__: Callable[[str], Any]
__all__, __getattr__ = served("time")
