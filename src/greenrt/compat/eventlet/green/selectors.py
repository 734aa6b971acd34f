"""eventlet.green.selectors: the standard module `selectors`, cooperative."""

from ._served import served

__all__, __getattr__ = served("selectors", part="select")
