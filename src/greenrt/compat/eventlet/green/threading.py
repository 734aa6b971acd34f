"""eventlet.green.threading: the standard module `threading`, cooperative."""

from ._served import served

__all__, __getattr__ = served("threading")
