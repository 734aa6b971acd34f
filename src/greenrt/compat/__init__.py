"""Programs written for gevent or for eventlet run on greenrt: the names of these packages, over greenrt.

`install` makes ``import gevent`` find `greenrt.compat.gevent`, and ``import eventlet`` `greenrt.compat.eventlet`,
whether or not the real packages are installed. ``greenrt run --as gevent``, ``greenrt serve --as``, and
``GREENRT_AS`` with ``greenrt install-hook`` or the pytest plugin do the same without an edit.
"""

from greenrt._alias import install, installed

__all__ = ["install", "installed"]
