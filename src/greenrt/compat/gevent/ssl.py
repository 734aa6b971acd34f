"""gevent.ssl: the standard library's `ssl` module, cooperative."""

import ssl as _standard
from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._standard import mirror
from greenrt.green import ssl as _twin

__implements__ = [
    name
    for name in ("SSLContext", "SSLSocket", "get_server_certificate", "wrap_socket")
    if hasattr(_standard, name)
]

__all__ = mirror(globals(), _standard, _twin, ("ssl",))
__imports__ = [name for name in __all__ if name not in __implements__]

# The unpatched class; patching changes only the class of its sockets.
orig_SSLContext = _standard.SSLContext

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
