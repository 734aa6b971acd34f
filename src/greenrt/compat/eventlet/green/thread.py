"""eventlet.green.thread: the standard module `_thread`, cooperative."""

from ._served import served

__all__, __getattr__ = served("_thread", "greenrt.green.thread")
