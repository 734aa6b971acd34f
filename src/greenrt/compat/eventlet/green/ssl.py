"""eventlet.green.ssl: the standard module `ssl`, cooperative."""

from ._served import served

__all__, __getattr__ = served("ssl")
