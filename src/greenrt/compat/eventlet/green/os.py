"""eventlet.green.os: the standard module `os`, cooperative."""

from ._served import served

__all__, __getattr__ = served("os")
