"""eventlet.green.Queue: the standard module `queue`, cooperative."""

from ._served import served

__all__, __getattr__ = served("queue")
