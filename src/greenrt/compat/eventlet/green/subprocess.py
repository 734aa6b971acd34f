"""eventlet.green.subprocess: the standard module `subprocess`, cooperative."""

from ._served import served

__all__, __getattr__ = served("subprocess")
