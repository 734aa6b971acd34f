"""eventlet.green.time: the standard module `time`, cooperative."""

from ._served import served

__all__, __getattr__ = served("time")
